"""The mark of an edit in a photo's metadata.

XMP: IPTC's digital source type "composite with trained algorithmic media", what was asked as AIPromptInformation, and the
program as AISystemUsed. EXIF: Software, and where it is free ImageDescription with what was asked.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from PIL import Image

from dftnet.media import exif, xmp
from dftnet.media.formats import READ
from dftnet.media.photo import Photo


def mark_edited(photo: Photo, software: str, description: str) -> Photo:
    """The photo with metadata that tell that a trained model edited it."""
    return replace(
        photo, exif=exif.marked(photo.exif, software, description), xmp=xmp.marked(photo.xmp, description, software)
    )


def read_mark(path: str | Path) -> str | None:
    """What the mark in a photo says was done; None where there is no mark, or it says nothing."""
    with contextlib.suppress(Exception), Image.open(path, formats=READ) as image:
        packet = image.info.get("xmp") or image.info.get(xmp.KEY) or getattr(image, "tag_v2", {}).get(xmp.TAG)
        said, software = xmp.said_in(packet)
        if said and software.startswith("dftnet "):
            return said
        found = image.getexif()  # a version that did not write it to XMP
        said = str(found.get(exif.DESCRIPTION) or "")
        if str(found.get(exif.SOFTWARE) or "").startswith("dftnet ") and said.startswith("expression edited: "):
            return said
    return None
