"""Picture and video files in and out, with all that they carry besides pixels."""
