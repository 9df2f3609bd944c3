"""A photo opened from its bytes, for services: nothing touches the disk, faces are read once and edited often.

opened = open_photo(editor, data)                        # decode, detect, align, read the AUs: once
pixels = opened.edited({0: Request(emotion="surprise")})  # number of a face → what it shall show
data = opened.encoded(pixels, {0: …})                     # the photo's own format, with its extras and its mark
small = opened.smaller(1024)                             # the same for a preview
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from dftnet.aus import as_vector
from dftnet.editing.compositing import Patch, patch_box
from dftnet.editing.editor import Editor
from dftnet.editing.face import EditableFace, pick
from dftnet.editing.maps import pictures
from dftnet.editing.photo import chosen_faces
from dftnet.editing.plan import EditPlan
from dftnet.editing.request import Request
from dftnet.editing.wording import describe_request, photo_mark
from dftnet.errors import MediaError, UnfitFaceError
from dftnet.inference.sessions import Maps
from dftnet.media.formats import FORMATS
from dftnet.media.image import stored_size
from dftnet.media.photo import Photo, decode_photo, encode_photo, left_out
from dftnet.media.pixels import eight_bits
from dftnet.media.provenance import mark_edited
from dftnet.media.xmp import MARK_VALUE

MARK = MARK_VALUE.rpartition("/")[2]
"""What the mark says: IPTC's digital source type."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenPhoto:
    """A photo with its faces."""

    editor: Editor
    """What edits it."""
    photo: Photo
    """Pixels and extras."""
    suffix: str
    """The ending of the format it came in; ".png" where that is not written."""
    faces: tuple[EditableFace, ...]
    """The largest first, also those that cannot be edited."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        return self.photo.pixels.shape[1], self.photo.pixels.shape[0]

    def face(self, which: int | str = "largest") -> EditableFace:
        """The face that is named, as in `Editor.read`; NoFaceError where there is none, UnfitFaceError where it cannot be
        edited."""
        found = pick(self.faces, which, self.photo.pixels.shape)
        if found.trouble:
            raise UnfitFaceError(found.trouble, field="face")
        return found

    def requests(self, plan: EditPlan) -> tuple[dict[int, Request], list[str]]:
        """Number of a face → what a plan asks of it, for those that it is about and that can be edited; and warnings."""
        plan.check_units(self.editor.au_names)
        chosen = chosen_faces(self.faces, plan, self.photo.pixels.shape)
        warnings = [*self.photo.notes, *[f"{face.trouble}; left alone" for face in chosen if face.trouble]]
        if plan.face == "largest" and len(self.faces) > 1 and not plan.each:
            warnings.append(
                f"{len(self.faces)} faces found, editing the largest; ask for all, or for one by its number"
            )
        fit = [face for face in chosen if not face.trouble]
        requests = {face.index: plan.of(face.index).request for face in fit}
        notes = [note for face in fit for note in self.editor.notes(face, requests[face.index])]
        return requests, list(dict.fromkeys([*self.doubts(requests), *warnings, *notes]))

    def doubts(self, requests: Mapping[int, Request]) -> list[str]:
        """What is worth knowing of these requests of faces, by their numbers: units that fight, closed eyes that stay closed.
        UnfitFaceError where closed eyes are asked to open and the model cannot do it."""
        words = [text for index, request in requests.items() for text in self.editor.doubts(self.face(index), request)]
        return list(dict.fromkeys(words))

    def short(self, index: int, request: Request, read: Mapping[str, float]) -> str:
        """The units of a face that did not land, where `read` is what it is read to show in the edit; empty where all did."""
        return self.editor.short(self.face(index), request, as_vector(read, self.editor.au_names))

    def edited(self, requests: Mapping[int, Request]) -> np.ndarray:
        """The pixels with each of these faces edited, in the order of their numbers; the same size and type."""
        pixels = self.photo.pixels.copy()
        for index in sorted(requests):
            self.patch(index, requests[index], onto=pixels).put(pixels)
        return pixels

    def patch_box(self, index: int) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1: what edits of a face may change."""
        face = self.face(index)
        return patch_box(len(face.crop), face.crop_from_image, self.photo.pixels.shape)

    def patch(self, index: int, request: Request, onto: np.ndarray | None = None) -> Patch:
        """The pixels within `patch_box` with this face edited; `onto` has other faces edited already."""
        pixels = self.photo.pixels if onto is None else onto
        return self.editor.render_patch(self.face(index), request, onto=pixels)

    def maps(self, which: int | str, request: Request) -> tuple[EditableFace, Maps, dict[str, np.ndarray]]:
        """What the generator says of a face, as numbers (Maps) and as pictures by name, uint8 RGB (`dftnet edit --maps`)."""
        face = self.face(which)
        maps = self.editor.maps(face, request)
        return face, maps, pictures(face.crop, maps)

    def encoded(
        self,
        pixels: np.ndarray,
        requests: Mapping[int, Request],
        *,
        suffix: str | None = None,
        quality: int = 95,
        mark: bool = True,
    ) -> bytes:
        """A file with these pixels and the photo's extras, in its own format or that of `suffix`, marked as edited if it was."""
        changed = _marked(replace(self.photo, pixels=pixels), requests, mark)
        return encode_photo(changed, suffix or self.suffix, quality)

    def left_out(self, requests: Mapping[int, Request], *, suffix: str | None = None, mark: bool = True) -> list[str]:
        """What of the photo the file that `encoded` makes cannot hold, a line each."""
        return left_out(_marked(self.photo, requests, mark), suffix or self.suffix)

    def encoded_part(self, part: Patch, quality: int = 90) -> tuple[bytes, str]:
        """A part of the photo for showing, without extras but the colour profile: the bytes, and their ending (".jpg",
        or ".webp" where the photo is transparent)."""
        height, width = part.pixels.shape[:2]
        alpha = self.photo.alpha
        if alpha is not None:
            alpha = np.ascontiguousarray(alpha[part.y : part.y + height, part.x : part.x + width])
        suffix = ".jpg" if alpha is None else ".webp"
        shown = Photo(pixels=part.pixels, alpha=alpha, profile=self.photo.profile)
        return encode_photo(shown, suffix, quality), suffix

    def smaller(self, side: int) -> OpenPhoto:
        """The same with 8 bits and a longer side of at most `side` pixels, for a preview; faces and AUs are the photo's."""
        width, height = self.size
        shrink = min(1.0, side / max(width, height))
        pixels = eight_bits(self.photo.pixels)
        alpha = None if self.photo.alpha is None else eight_bits(self.photo.alpha)
        if shrink == 1.0 and pixels is self.photo.pixels:
            return self
        if shrink < 1.0:
            wanted = max(1, round(width * shrink)), max(1, round(height * shrink))
            pixels = cv2.resize(pixels, wanted, interpolation=cv2.INTER_AREA)
            alpha = None if alpha is None else cv2.resize(alpha, wanted, interpolation=cv2.INTER_AREA)
        photo = replace(self.photo, pixels=pixels, alpha=alpha)
        return replace(self, photo=photo, faces=tuple(face.resized(pixels) for face in self.faces))


def open_photo(editor: Editor, data: bytes, name: str = "image", *, max_pixels: int | None = None) -> OpenPhoto:
    """The photo in these bytes with all its faces (none is no error).

    MediaError where they are no picture, or one of more than `max_pixels` pixels, which is seen before it is decoded.
    """
    width = height = 0
    with contextlib.suppress(MediaError):  # decoding words the reason
        width, height = stored_size(data)
    if max_pixels is not None and width * height > max_pixels:
        raise MediaError(
            f"{name} has {width * height / 1e6:.0f} million pixels; at most {max_pixels / 1e6:.0f} million are taken here: "
            "scale it down first",
            field="image",
        )
    photo = decode_photo(data, name)
    with Image.open(io.BytesIO(data)) as image:
        form = {"MPO": "JPEG"}.get(image.format or "", image.format)
    suffix = next((one.suffixes[0] for one in FORMATS if one.photo and one.name == form), ".png")
    return OpenPhoto(editor=editor, photo=photo, suffix=suffix, faces=tuple(editor.faces(photo.pixels)))


def _marked(photo: Photo, requests: Mapping[int, Request], mark: bool) -> Photo:
    """The photo as edited by these requests tells it in its metadata."""
    words = words_of(requests)
    return mark_edited(photo, *photo_mark(words)) if mark and words else photo


def words_of(requests: Mapping[int, Request]) -> str:
    """What is asked of which face, as the mark tells it; empty where nothing is."""
    asked = {index: describe_request(request) for index, request in sorted(requests.items()) if not request.empty}
    if len(asked) == 1 and 0 in asked:
        return asked[0]
    return "; ".join(f"face {index}: {words}" for index, words in asked.items())
