"""Faces in a picture: find, align, follow."""
