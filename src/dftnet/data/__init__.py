"""From photos to a dataset directory: find, align, label, pack, and look at the result."""
