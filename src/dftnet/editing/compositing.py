"""Flow, attention and texture of a crop → the edited photo, at the photo's own resolution.

    symbol  paper  here        shape                    what
    Φ       flow   flow        [2, S, S] crop pixels    backward: aligned(p) = source(p + flow(p))
    A       att.   attention   [1, S, S] in [0, 1]      1 takes the warped photo, 0 the texture
    B       text.  texture     [3, S, S] in [-1, 1]
    X_a            warped      [h, w, 3]                the photo's own pixels moved by Φ
                   shade       [1, S, S]                the ratio that they are multiplied by where skin folds (faces/shade.py)

Convention: pixel centres at integer coordinates; p_crop = crop_from_image @ [x, y, 1]; samples outside the photo
take its nearest border pixel.

Flow and attention are smooth, so they are enlarged to the photo and move the photo's own pixels: nothing of the
face goes through the network's resolution except what is painted. What is painted is brought to the photo's local
colour and contrast, and where it shows the same thing as the warped photo it gets the photo's fine detail back.

There is no cross-fade at the border of the face: a mask fades the flow to 0 and the attention to 1, so that the
edit becomes the photo itself. Where both have faded the result is the input, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np

from dftnet.editing.lay import Lay
from dftnet.editing.moved import MovedPart, moved_parts
from dftnet.editing.painted import Painted
from dftnet.editing.planes import blur, bordered, largest, sample, sample_photo, span, thrice, wide_blur
from dftnet.errors import MediaError
from dftnet.faces.mask import OVERHANG, face_mask, smooth_step
from dftnet.faces.shade import LEAST as LEAST_SHADE

TRACE = 0.1
"""Paint below this is faded out: a sigmoid never quite says 1, and a trace of paint everywhere is a colour cast."""
FAINT, STILL = 1e-3, 1 / 64
"""Paint and motion (photo pixels) below which a pixel of the photo stays as it is."""
CUBIC = 2
"""A cubic sample is less than this many times the largest value that it is made of."""
TILE_PIXELS = 1 << 16
"""Photo pixels worked on at once, few enough for a processor's cache; memory above the photo and its copy is about 100
bytes for each."""


Drawn = Mapping[str, np.ndarray]
Box = tuple[int, int, int, int]
NOTHING: Drawn = MappingProxyType({})


class _CropMaps(NamedTuple):
    """What the photo is edited with, float32 on the crop's grid padded by `pad` on all sides."""

    pad: int
    flow: np.ndarray
    """[h, w, 2] in crop pixels, masked."""
    paint: np.ndarray
    """[h, w] in [0, 1], 1 - A, masked."""
    painted: Painted | None
    """What is painted; None where nothing is."""
    moved: tuple[MovedPart, ...]
    """Those that are moved by themselves, the lower ones first."""
    shade: np.ndarray | None
    """[h, w], masked: how much brighter skin becomes where it folds, a ratio less 1 (faces/shade.py); None where none does."""

    def active(self, scale: float) -> np.ndarray:
        """bool [h, w]: where a photo with `scale` crop pixels a pixel may change at all."""
        moved = largest(self.flow) > scale * STILL / (1.5 * CUBIC)  # a turn makes at most √2 of it
        active = moved | (self.paint > FAINT / CUBIC)
        if self.shade is not None:
            active |= self.shade != 0
        for part in self.moved:
            active |= part.active()
        return active


class Patch(NamedTuple):
    """A piece of a photo."""

    x: int
    """Photo column of the first of its columns."""
    y: int
    """Photo row of the first of its rows."""
    pixels: np.ndarray
    """uint8 or uint16 [h, w, 3]."""

    def put(self, photo: np.ndarray) -> None:
        """Writes it to its place in the photo."""
        height, width = self.pixels.shape[:2]
        photo[self.y : self.y + height, self.x : self.x + width] = self.pixels


def composite(
    photo: np.ndarray,
    crop_from_image: np.ndarray,
    crop: np.ndarray,
    flow: np.ndarray,
    attention: np.ndarray,
    texture: np.ndarray,
    drawn: Drawn = NOTHING,
) -> np.ndarray:
    """A copy of the photo with the face edited; every pixel outside the face's mask is that of the input.

    photo            uint8 or uint16 [H, W, 3]
    crop_from_image  [2, 3] similarity
    crop             uint8 [S, S, 3], the photo resampled by crop_from_image
    flow, attention, texture   float [2, S, S] crop pixels, [1, S, S] in [0, 1], [3, S, S] in [-1, 1]
    drawn            by the names of `faces.drawn.PARTS`, float [c, h, w], where and how they are drawn, as far as there are

    Flow 0 with attention 1 returns the input, byte for byte.
    """
    result = Patch(0, 0, photo.copy())
    _edit(photo, result, crop_from_image, _prepare(crop, (flow, attention, texture), crop_from_image, drawn))
    return result.pixels


def composite_patch(
    photo: np.ndarray,
    crop_from_image: np.ndarray,
    crop: np.ndarray,
    flow: np.ndarray,
    attention: np.ndarray,
    texture: np.ndarray,
    drawn: Drawn = NOTHING,
) -> Patch:
    """Only the part of `composite`'s result within `patch_box`, equal bit for bit; the time does not grow with the photo."""
    patch = cut(photo, patch_box(len(crop), crop_from_image, photo.shape))
    _edit(photo, patch, crop_from_image, _prepare(crop, (flow, attention, texture), crop_from_image, drawn))
    return patch


def cut(photo: np.ndarray, box: tuple[int, int, int, int]) -> Patch:
    """A copy of the pixels x0:x1, y0:y1 of a photo."""
    x0, y0, x1, y1 = box
    return Patch(x0, y0, photo[y0:y1, x0:x1].copy())


def patch_box(size: int, crop_from_image: np.ndarray, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1: the part of a photo [H, W, 3] outside of which no edit of a face changes a pixel, whatever is asked."""
    pad = round(OVERHANG * size)
    inside = blur((face_mask(size, pad) > 0).astype(np.float32), _shrink(crop_from_image)) > 0
    return _reach(inside, pad, np.asarray(crop_from_image, np.float64), shape)


def photo_masks(
    shape: tuple[int, ...],
    crop_from_image: np.ndarray,
    crop: np.ndarray,
    flow: np.ndarray,
    attention: np.ndarray,
    texture: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """What `composite` does with each pixel of a photo [H, W, 3], two float32 [H, W] in [0, 1]: how far the flow is obeyed
    there (0 outside the face), and how much of it is paint."""
    maps = _prepare(crop, (flow, attention, texture), crop_from_image)
    matrix = np.asarray(crop_from_image, np.float64) + np.array([[0, 0, maps.pad], [0, 0, maps.pad]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    planes = (
        cv2.warpAffine(plane, matrix, shape[1::-1], flags=how, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        for plane in (face_mask(len(crop), maps.pad), maps.paint)
    )
    face, paint = (np.clip(plane, 0, 1) for plane in planes)
    return face, paint


def _edit(photo: np.ndarray, result: Patch, crop_from_image: np.ndarray, maps: _CropMaps) -> None:
    """Eq. 5 on the photo's pixels, written to `result`, a piece of it that holds all that changes."""
    if photo.dtype not in (np.uint8, np.uint16) or photo.ndim != 3 or photo.shape[2] != 3:
        raise MediaError(f"photo is {photo.dtype} {list(photo.shape)}; give uint8 or uint16 [H, W, 3] RGB")
    crop_from_image = np.asarray(crop_from_image, np.float64)
    x0, y0, x1, y1 = _reach(maps.active(_scale(crop_from_image)), maps.pad, crop_from_image, photo.shape)
    if x1 <= x0:
        return
    reach = [_reach(part.active(), maps.pad, crop_from_image, photo.shape) for part in maps.moved]
    rows = max(1, TILE_PIXELS // (x1 - x0))
    for top in range(y0, y1, rows):
        _edit_tile(photo, result, (x0, top, x1, min(y1, top + rows)), crop_from_image, maps, reach)


def _prepare(
    crop: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
    crop_from_image: np.ndarray,
    drawn: Drawn = NOTHING,
) -> _CropMaps:
    """Mask, agreement and share of detail, at the crop's resolution; what is drawn at the texture's."""
    flow, attention, texture = parts
    size = len(crop)
    shapes = {"crop": crop.shape, "flow": flow.shape, "attention": attention.shape, "texture": texture.shape}
    wanted = {"crop": (size, size, 3), "flow": (2, size, size)}
    wanted |= {"attention": (1, size, size), "texture": (3, size, size)}
    assert shapes == wanted, f"maps of one crop have the shapes {wanted}, not {shapes}"
    scale = _scale(crop_from_image)
    pad = round(OVERHANG * size)
    mask = face_mask(size, pad)
    moved = _extended(np.ascontiguousarray(flow.transpose(1, 2, 0), np.float32), pad) * mask[..., None]
    at = (np.arange(size) + 0.5) / size
    across = smooth_step((np.minimum(at, 1 - at) - 0.02) / 0.1)
    down = smooth_step((1 - at - 0.01) / 0.05)  # an open mouth comes close to the crop's lower border
    keep = mask[pad:-pad, pad:-pad] * down[:, None] * across[None, :]
    paint = np.clip(1 - attention[0].astype(np.float32), 0, 1)
    paint *= smooth_step(paint / TRACE)
    shade = _shade(drawn.get("shade"), mask, pad)
    shrink = _shrink(crop_from_image)
    masked = blur(bordered(paint * keep, pad), shrink)
    lay = Lay(mask, pad, shrink, 4 if scale < 0.3 else 2 if scale < 0.6 else 1)
    painted, shown = None, np.asarray(masked[pad:-pad, pad:-pad] > FAINT / CUBIC)
    if shown.any():
        inner = None if shade is None else shade[pad:-pad, pad:-pad]
        painted = Painted.of(crop, (moved[pad:-pad, pad:-pad], paint, texture), inner, drawn, lay, shown)
    parts_moved = moved_parts(drawn, lay)
    shade = None if shade is None else blur(shade, shrink)
    return _CropMaps(pad, blur(moved, shrink), masked, painted, parts_moved, shade)


def _shade(ratio: np.ndarray | None, mask: np.ndarray, pad: int) -> np.ndarray | None:
    """`_CropMaps.shade` of a map [1, S, S] and a face's mask [h, w]: a trace of it everywhere would be a colour cast."""
    if ratio is None or (np.abs(ratio - 1) <= LEAST_SHADE).all():
        return None
    more = blur(bordered(ratio[0].astype(np.float32) - 1, pad), 0.6)
    return np.asarray(mask * np.sign(more) * np.maximum(np.abs(more) - LEAST_SHADE, 0))


def _scale(crop_from_image: np.ndarray) -> float:
    """Crop pixels a photo pixel."""
    return float(np.hypot(*np.asarray(crop_from_image, np.float64)[0, :2]))


def _shrink(crop_from_image: np.ndarray) -> float:
    """Sigma, in crop pixels, of the blur against aliasing where the photo is the smaller one."""
    scale = _scale(crop_from_image)
    return float(0.5 * np.sqrt(max(0.0, scale * scale - 1)))


def _extended(flow: np.ndarray, pad: int) -> np.ndarray:
    """flow [S, S, 2] → [S + 2 pad, S + 2 pad, 2]: smoothed a little, and going on beyond the crop as its border does,
    ever more smoothly."""
    size = len(flow)
    inset = max(1, size // 42)  # the rows next to the border are the network's least certain ones
    whole = blur(bordered(flow[inset:-inset, inset:-inset], pad + inset), 0.5)
    at = np.arange(-pad, size + pad)
    beyond = np.maximum(0, np.maximum(-at, at - size + 1)) / (0.1 * size)
    share = smooth_step(np.maximum(beyond[:, None], beyond[None, :]))[..., None]
    return whole + share * (wide_blur(whole, 0.08 * size) - whole)


def _reach(
    active: np.ndarray, pad: int, crop_from_image: np.ndarray, shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1: the part of the photo that `active` [h, w], on the crop's grid padded by `pad`, may reach."""
    if not active.any():
        return 0, 0, 0, 0
    ys, xs = np.nonzero(active.any(1))[0], np.nonzero(active.any(0))[0]
    low, high = np.array([xs[0], ys[0]]) - pad - 2, np.array([xs[-1], ys[-1]]) - pad + 2
    corners = np.array([low, [high[0], low[1]], high, [low[0], high[1]]], np.float64)
    points = (corners - crop_from_image[:, 2]) @ np.linalg.inv(crop_from_image[:, :2]).T
    x0, y0 = np.maximum(np.floor(points.min(0)), 0).astype(int).tolist()
    x1, y1 = np.minimum(np.ceil(points.max(0)) + 1, [shape[1], shape[0]]).astype(int).tolist()
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else (0, 0, 0, 0)


def _edit_tile(
    photo: np.ndarray,
    result: Patch,
    box: tuple[int, int, int, int],
    crop_from_image: np.ndarray,
    maps: _CropMaps,
    reach: Sequence[Box],
) -> None:
    """Eq. 5 on the photo's pixels x0:x1, y0:y1, written to `result`; `reach`: of each part that is moved by itself, the pixels
    beyond which there is none of it."""
    x0, y0, x1, y1 = box
    matrix = crop_from_image.astype(np.float32)
    back = np.linalg.inv(crop_from_image[:, :2]).astype(np.float32)
    x, y = np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
    at_x, at_y = (row[0] * x + row[1] * y + (row[2] + np.float32(maps.pad)) for row in matrix)
    flow_x, flow_y = cv2.split(sample(maps.flow, at_x, at_y))
    paint = np.clip(sample(maps.paint, at_x, at_y), 0, 1)
    paint *= paint >= FAINT
    step_x, step_y = (row[0] * flow_x + row[1] * flow_y for row in back)
    moved = np.maximum(np.abs(step_x), np.abs(step_y)) >= STILL
    active = moved | (paint > 0)
    ratio = None
    if maps.shade is not None:
        more = sample(maps.shade, at_x, at_y)
        active |= np.abs(more) > FAINT / 4
        ratio = 1 + more
    found = (
        part.at(photo, (x, y), (at_x, at_y), back, _slices(own, box))
        for part, own in zip(maps.moved, reach, strict=True)
    )
    parts = [part for part in found if part is not None]
    for own in parts:
        active[own.place] |= own.share > 0
    if not active.any():
        return
    place = span(active.any(1)), span(active.any(0))
    edited = sample_photo(photo, (x + step_x * moved)[place], (y + step_y * moved)[place])
    if ratio is not None:
        edited *= thrice(ratio[place])
    for own in parts:
        own.put(edited, place)
    white = float(np.iinfo(photo.dtype).max)
    paint = paint[place]
    if maps.painted is not None and paint.any():
        here = span(paint.any(1)), span(paint.any(0))  # mostly a small part: eyes, mouth
        at_x, at_y, flow_x, flow_y = (plane[place][here] for plane in (at_x, at_y, flow_x, flow_y))
        light = None if ratio is None else ratio[place][here]
        maps.painted.onto(edited[here], paint[here], (at_x, at_y), (flow_x, flow_y), light, white)
    edited = np.clip(np.rint(edited, out=edited), 0, white, out=edited).astype(photo.dtype)
    tile = result.pixels[y0 - result.y : y1 - result.y, x0 - result.x : x1 - result.x]
    cv2.copyTo(edited, active[place].view(np.uint8), tile[place])


def _slices(part: Box, tile: Box) -> tuple[slice, slice]:
    """Rows and columns of a tile that a part of the photo has, both x0, y0, x1, y1."""
    columns, rows = (slice(max(part[k] - tile[k], 0), max(part[k + 2] - tile[k], 0)) for k in (0, 1))
    return rows, columns
