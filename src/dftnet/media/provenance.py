"""The mark of an edit in a photo's metadata.

XMP: IPTC's digital source type "composite with trained algorithmic media". EXIF: Software, and where it is free
ImageDescription with what was asked.
"""

from __future__ import annotations

from dataclasses import replace

from dftnet.media import exif, xmp
from dftnet.media.photo import Photo


def mark_edited(photo: Photo, software: str, description: str) -> Photo:
    """The photo with metadata that tell that a trained model edited it."""
    return replace(photo, exif=exif.marked(photo.exif, software, description), xmp=xmp.marked(photo.xmp))
