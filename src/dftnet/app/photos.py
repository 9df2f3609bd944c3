"""The photos that a worker has read lately: a few, in memory only, named by the hash of their bytes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from dftnet import DftnetError, Editor, OpenPhoto, Request, open_photo


class UnknownPhotoError(DftnetError):
    """The photo was never sent to this worker, or is forgotten: it is to be sent again."""

    status = 404


@dataclass(kw_only=True, eq=False)
class ReadPhoto:
    """A photo with what is kept for it."""

    id: str
    """Hexadecimal sha256 of its bytes."""
    name: str
    """What the sender calls it."""
    opened: OpenPhoto
    """At its own size."""
    preview: OpenPhoto
    """At the page's size."""
    draft: OpenPhoto
    """At half of that, for while a slider moves."""
    _bases: dict[bool, tuple[dict[int, Request], np.ndarray]] = field(default_factory=dict, init=False)

    def base(self, requests: dict[int, Request], draft: bool = False) -> np.ndarray:
        """The preview's (or the draft's) pixels with these faces edited; the latest are kept, for the face that is edited
        on top."""
        shown = self.draft if draft else self.preview
        if not requests:
            return shown.photo.pixels
        if draft not in self._bases or self._bases[draft][0] != requests:
            self._bases[draft] = dict(requests), shown.edited(requests)
        return self._bases[draft][1]

    @property
    def pixels(self) -> int:
        """How many it holds."""
        return self.opened.photo.pixels.size // 3 + self.preview.photo.pixels.size // 3


class Photos:
    """Reads photos with an editor and remembers the latest."""

    def __init__(self, editor: Editor, *, most: int, most_pixels: int, max_pixels: int, preview: int) -> None:
        self.editor, self.most, self.most_pixels = editor, most, most_pixels
        self.max_pixels, self.preview = max_pixels, preview
        self._kept: OrderedDict[str, ReadPhoto] = OrderedDict()
        self._lock = Lock()

    def read(self, data: bytes, name: str) -> ReadPhoto:
        """The photo in these bytes, read now or remembered."""
        key = hashlib.sha256(data).hexdigest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        opened = open_photo(self.editor, data, name, max_pixels=self.max_pixels)
        preview = opened.smaller(self.preview)
        draft = preview.smaller(max(1, max(preview.size) // 2))
        photo = ReadPhoto(id=key, name=name, opened=opened, preview=preview, draft=draft)
        with self._lock:
            self._kept[key] = photo
            while len(self._kept) > 1 and (
                len(self._kept) > self.most or sum(one.pixels for one in self._kept.values()) > self.most_pixels
            ):
                self._kept.popitem(last=False)
        return photo

    def find(self, key: str) -> ReadPhoto:
        """A photo that was read lately, by its id; UnknownPhotoError for another."""
        with self._lock:
            if key not in self._kept:
                raise UnknownPhotoError("this photo is not known here (any more): send it again", field="photo")
            self._kept.move_to_end(key)
            return self._kept[key]
