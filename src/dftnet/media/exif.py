"""EXIF: what of it still holds for an edited picture, as bytes."""

from __future__ import annotations

from PIL import ExifTags, Image

DESCRIPTION, ORIENTATION, SOFTWARE, ICC = 0x010E, 0x0112, 0x0131, 0x8773
POINTERS = (0x8769, 0x8825)
"""Tags that lead to the directories Exif and GPS."""
TIFF_LAYOUT = (*range(254, 270), 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339, 347, 700, ICC)
"""Tags that say how a TIFF stores its pixels."""


def loaded(exif: bytes | None) -> Image.Exif:
    """EXIF bytes as Pillow's object; an empty one for None."""
    result = Image.Exif()
    if exif:
        result.load(exif)
    return result


def still_true(exif: Image.Exif) -> bytes | None:
    """EXIF of a picture that was turned upright, without orientation and a TIFF's own layout; None where nothing is left."""
    kept = Image.Exif()
    try:
        for tag, value in exif.items():
            if tag != ORIENTATION and tag not in (*TIFF_LAYOUT, *POINTERS):
                kept[tag] = value
        for pointer in POINTERS:
            if inner := exif.get_ifd(pointer):
                kept.get_ifd(pointer).update(inner)
        return kept.tobytes() if any((len(kept), *(kept.get_ifd(pointer) for pointer in POINTERS))) else None
    except Exception:  # damaged, or of the wrong type: Pillow cannot write back everything it reads
        return None


def shortened(exif: bytes, limit: int) -> tuple[bytes, list[str]]:
    """EXIF of at most `limit` bytes, and what had to go: the longest first, which is the maker's note as a rule."""
    result, gone = loaded(exif), []
    while len(data := result.tobytes()) > limit:
        directories = [result, *(result.get_ifd(pointer) for pointer in POINTERS)]
        lengths = {
            (place, tag): len(bytes(value) if isinstance(value, bytes) else str(value))
            for place, directory in enumerate(directories)
            for tag, value in directory.items()
            if tag not in (*POINTERS, SOFTWARE)
        }
        if not lengths:
            return b"", ["all of EXIF"]
        place, tag = max(lengths, key=lengths.__getitem__)
        del directories[place][tag]
        gone.append(ExifTags.TAGS.get(tag, f"tag {tag}"))
    return data, gone


def marked(exif: bytes | None, software: str, description: str) -> bytes:
    """EXIF that names the software, and says what was done where nothing is said yet."""
    result = loaded(exif)
    result[SOFTWARE] = software
    if not result.get(DESCRIPTION):
        result[DESCRIPTION] = description
    return result.tobytes()
