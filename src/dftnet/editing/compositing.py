"""Flow, attention and texture of a crop → the edited photo, at the photo's own resolution.

    symbol  paper  here        shape                    what
    Φ       flow   flow        [2, S, S] crop pixels    backward: aligned(p) = source(p + flow(p))
    A       att.   attention   [1, S, S] in [0, 1]      1 takes the warped photo, 0 the texture
    B       text.  texture     [3, S, S] in [-1, 1]
    X_a            warped      [h, w, 3]                the photo's own pixels moved by Φ

Convention: pixel centres at integer coordinates; p_crop = crop_from_image @ [x, y, 1]; samples outside the photo
take its nearest border pixel.

Flow and attention are smooth, so they are enlarged to the photo and move the photo's own pixels: nothing of the
face goes through the network's resolution except what is painted. What is painted is brought to the photo's local
colour and contrast, and where it shows the same thing as the warped photo it gets the photo's fine detail back.

There is no cross-fade at the border of the face: a mask fades the flow to 0 and the attention to 1, so that the
edit becomes the photo itself. Where both have faded the result is the input, byte for byte.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from dftnet.errors import MediaError
from dftnet.faces import eye, mouth
from dftnet.faces.drawn import draw_into, window
from dftnet.faces.mask import OVERHANG, face_mask, smooth_step

SAME_LIGHT, SAME_HUE = 0.12, 0.05
"""Differences (of 1) of luminance and of colour beside it at which texture and warped photo stop counting as the
same thing: a fold's shade on skin is still skin, teeth on lips are not lips."""
TRACE = 0.1
"""Paint below this is faded out: a sigmoid never quite says 1, and a trace of paint everywhere is a colour cast."""
KERNEL = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
FAINT, STILL = 1e-3, 1 / 64
"""Paint and motion (photo pixels) below which a pixel of the photo stays as it is."""
CUBIC = 2
"""A cubic sample is less than this many times the largest value that it is made of."""
BESIDE = 20
"""Crop pixels around what is painted in which its enlargement looks."""
TILE_PIXELS = 1 << 16
"""Photo pixels worked on at once, few enough for a processor's cache; memory above the photo and its copy is about 100
bytes for each."""


class _CropMaps(NamedTuple):
    """What the photo is edited with, float32 on the crop's grid padded by `pad` on all sides."""

    pad: int
    flow: np.ndarray
    """[h, w, 2] in crop pixels, masked."""
    paint: np.ndarray
    """[h, w] in [0, 1], 1 - A, masked."""
    texture: np.ndarray
    """[.. · finer, .. · finer, 3] in [0, 1], in agreement with the photo, enlarged without losing its edges; of the part
    that is painted, which begins at `corner`."""
    corner: tuple[int, int]
    """x, y on the padded grid."""
    detail: np.ndarray
    """[h, w] in [0, 1], share of the photo's fine detail that paint gets."""
    coarse: np.ndarray
    """[h · finer, w · finer, 3] in [0, 1], the crop treated in the same way: the photo without its fine detail."""
    finer: int
    """1, 2 or 4."""

    def active(self, scale: float) -> np.ndarray:
        """bool [h, w]: where a photo with `scale` crop pixels a pixel may change at all."""
        moved = _largest(self.flow) > scale * STILL / (1.5 * CUBIC)  # a turn makes at most √2 of it
        return moved | (self.paint > FAINT / CUBIC)


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
    *drawn: np.ndarray,
) -> np.ndarray:
    """A copy of the photo with the face edited; every pixel outside the face's mask is that of the input.

    photo            uint8 or uint16 [H, W, 3]
    crop_from_image  [2, 3] similarity
    crop             uint8 [S, S, 3], the photo resampled by crop_from_image
    flow, attention, texture   float [2, S, S] crop pixels, [1, S, S] in [0, 1], [3, S, S] in [-1, 1]
    drawn            of the mouth and the eyes, float [7, h, w], where and how they are drawn (faces/drawn.py), or nothing

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
    *drawn: np.ndarray,
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
    inside = _blur((face_mask(size, pad) > 0).astype(np.float32), _shrink(crop_from_image)) > 0
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
    rows = max(1, TILE_PIXELS // (x1 - x0))
    for top in range(y0, y1, rows):
        _edit_tile(photo, result, (x0, top, x1, min(y1, top + rows)), crop_from_image, maps)


def _prepare(
    crop: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
    crop_from_image: np.ndarray,
    drawn: Sequence[np.ndarray] = (),
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
    source = crop.astype(np.float32) / 255
    colours = np.ascontiguousarray(texture.transpose(1, 2, 0), np.float32) / 2 + 0.5
    moved = _extended(np.ascontiguousarray(flow.transpose(1, 2, 0), np.float32), pad) * mask[..., None]
    at = (np.arange(size) + 0.5) / size
    across = smooth_step((np.minimum(at, 1 - at) - 0.02) / 0.1)
    down = smooth_step((1 - at - 0.01) / 0.05)  # an open mouth comes close to the crop's lower border
    keep = mask[pad:-pad, pad:-pad] * down[:, None] * across[None, :]
    paint = np.clip(1 - attention[0].astype(np.float32), 0, 1)
    paint *= smooth_step(paint / TRACE)
    aligned = _warp(source, moved[pad:-pad, pad:-pad])
    colours = _agree(colours, aligned, paint)
    same = _sameness(aligned, colours)
    detail = 1 - paint * (1 - same)
    shrink = _shrink(crop_from_image)
    masked, colours, detail = (_blur(_bordered(plane, pad), shrink) for plane in (paint * keep, colours, detail))
    factor = 4 if scale < 0.3 else 2 if scale < 0.6 else 1
    coarse = _coarse(crop.tobytes(), size, pad, shrink, factor)
    shown = np.asarray(masked > FAINT / CUBIC)
    rows, columns = _span(shown.max(1), BESIDE), _span(shown.max(0), BESIDE)
    texture = _enlarged(np.ascontiguousarray(colours[rows, columns]), factor)
    corner = columns.start, rows.start
    if factor > 1:
        for maps, part in zip(drawn, (mouth, eye), strict=False):
            if maps.size:
                left, top, *_ = window(size, part.WINDOW)
                draw_into(texture, maps, (left + pad - corner[0], top + pad - corner[1]), factor, part.colours)
    return _CropMaps(pad, _blur(moved, shrink), masked, texture, corner, detail, coarse, factor)


@functools.lru_cache(maxsize=4)
def _coarse(crop: bytes, size: int, pad: int, shrink: float, factor: int) -> np.ndarray:
    """`_CropMaps.coarse` of a crop's bytes. The same for every request, so it is kept for the next one."""
    source = np.frombuffer(crop, np.uint8).reshape(size, size, 3).astype(np.float32) / 255
    found = _enlarged(_blur(_bordered(source, pad), shrink), factor)
    found.setflags(write=False)
    return found


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
    whole = _blur(_bordered(flow[inset:-inset, inset:-inset], pad + inset), 0.5)
    at = np.arange(-pad, size + pad)
    beyond = np.maximum(0, np.maximum(-at, at - size + 1)) / (0.1 * size)
    share = smooth_step(np.maximum(beyond[:, None], beyond[None, :]))[..., None]
    return whole + share * (_wide_blur(whole, 0.08 * size) - whole)


def _enlarged(picture: np.ndarray, factor: int) -> np.ndarray:
    """picture [h, w, 3] → [h · factor, w · factor, 3], factor a power of 2, with edges that stay as steep.

    Each doubling is cubic, sharpened without leaving the range of the neighbourhood, so that nothing rings.
    """
    while factor > 1:
        picture = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_LANCZOS4)
        low, high = cv2.erode(picture, KERNEL), cv2.dilate(picture, KERNEL)
        picture = _blur(np.clip(picture + 1.2 * (picture - _blur(picture, 2)), low, high), 0.9)
        factor //= 2
    return picture


def _sameness(aligned: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """[S, S] in [0, 1]: how far two pictures [S, S, 3] in [0, 1] show the same material."""
    difference = _blur(aligned - texture, 0.01 * len(texture))
    light = difference @ np.array([0.299, 0.587, 0.114], np.float32)
    hue = _largest(difference - light[..., None])
    return np.exp(-((light / SAME_LIGHT) ** 2) - (hue / SAME_HUE) ** 2)


def _agree(texture: np.ndarray, aligned: np.ndarray, paint: np.ndarray) -> np.ndarray:
    """The texture with the local mean and contrast of the aligned crop, both [S, S, 3] in [0, 1].

    Measured where the two show the same thing and the texture counts (paint [S, S] > 0; elsewhere it was never
    trained), carried from there to the surroundings.
    """
    size = len(texture)
    difference = aligned - texture
    alike = np.exp(-((_largest(_blur(difference, 0.01 * size)) / 0.1) ** 2))
    weight = (np.minimum(paint, 0.5) * alike)[..., None]
    reach = 0.06 * size
    evidence = _wide_blur(weight, reach)[..., None]
    offset = _wide_blur(weight * difference, reach) / (evidence + 0.02)
    fine, wanted = texture - _blur(texture, 0.02 * size), aligned - _blur(aligned, 0.02 * size)
    parts = (_wide_blur(weight[..., 0] * _mean(part**2), reach)[..., None] for part in (fine, wanted))
    power, wanted_power = (np.maximum(part, 0) for part in parts)
    gain = np.sqrt((wanted_power + 1e-5) / (power + 1e-5))
    return texture + offset + (np.clip(gain, 0.8, 1.25) - 1) * fine


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
) -> None:
    """Eq. 5 on the photo's pixels x0:x1, y0:y1, written to `result`."""
    x0, y0, x1, y1 = box
    matrix = crop_from_image.astype(np.float32)
    back = np.linalg.inv(crop_from_image[:, :2]).astype(np.float32)
    x, y = np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
    at_x, at_y = (row[0] * x + row[1] * y + (row[2] + np.float32(maps.pad)) for row in matrix)
    flow_x, flow_y = cv2.split(_sample(maps.flow, at_x, at_y))
    paint = np.clip(_sample(maps.paint, at_x, at_y), 0, 1)
    paint *= paint >= FAINT
    step_x, step_y = (row[0] * flow_x + row[1] * flow_y for row in back)
    moved = np.maximum(np.abs(step_x), np.abs(step_y)) >= STILL
    active = moved | (paint > 0)
    if not active.any():
        return
    place = _span(active.any(1)), _span(active.any(0))
    edited = _sample_photo(photo, (x + step_x * moved)[place], (y + step_y * moved)[place])
    white = float(np.iinfo(photo.dtype).max)
    paint = paint[place]
    if paint.any():
        here = _span(paint.any(1)), _span(paint.any(0))  # mostly a small part: eyes, mouth
        at_x, at_y, flow_x, flow_y = (plane[place][here] for plane in (at_x, at_y, flow_x, flow_y))
        k, centre = np.float32(maps.finer), np.float32((maps.finer - 1) / 2)
        left, top = maps.corner
        texture = _sample(maps.texture, k * (at_x - left) + centre, k * (at_y - top) + centre)
        coarse = _sample(maps.coarse, k * (at_x + flow_x) + centre, k * (at_y + flow_y) + centre)
        part = edited[here]
        share = np.clip(_sample(maps.detail, at_x, at_y), 0, 1)
        painted = white * texture + _thrice(share) * (part - white * coarse)
        part += _thrice(paint[here]) * (painted - part)
    edited = np.clip(np.rint(edited, out=edited), 0, white, out=edited).astype(photo.dtype)
    tile = result.pixels[y0 - result.y : y1 - result.y, x0 - result.x : x1 - result.x]
    cv2.copyTo(edited, active[place].view(np.uint8), tile[place])


def _thrice(plane: np.ndarray) -> np.ndarray:
    """[h, w] → [h, w, 3]; numpy's own way over short axes is slow."""
    return cv2.merge([plane, plane, plane])


def _span(marked: np.ndarray, beside: int = 0) -> slice:
    """From the first to the last that is True, and `beside` more on both sides as far as there are; the first place where
    none is True."""
    places = np.nonzero(marked)[0] if marked.any() else np.zeros(1, int)
    return slice(max(0, int(places[0]) - beside), min(len(marked), int(places[-1]) + 1 + beside))


def _sample_photo(photo: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """photo [H, W, 3] at x, y [h, w] → float32 [h, w, 3], sharp (Lanczos); at whole pixels it is exact."""
    height, width = photo.shape[:2]
    low = np.maximum([int(y.min()) - 8, int(x.min()) - 8], 0)
    high = np.maximum(np.minimum([int(y.max()) + 10, int(x.max()) + 10], [height, width]), low + 1)
    low = np.minimum(low, high - 1)
    part = photo[low[0] : high[0], low[1] : high[1]].astype(np.float32)
    x, y = x - np.float32(low[1]), y - np.float32(low[0])
    return cv2.remap(part, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)


def _sample(plane: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """plane [H, W] or [H, W, c] at x, y [h, w] → float32 [h, w] or [h, w, c], cubic."""
    return cv2.remap(plane, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _warp(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """image [S, S, 3] moved by flow [S, S, 2], bilinear."""
    x, y = np.meshgrid(*[np.arange(len(image), dtype=np.float32)] * 2)
    return cv2.remap(image, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _bordered(plane: np.ndarray, pad: int) -> np.ndarray:
    return cv2.copyMakeBorder(plane, pad, pad, pad, pad, cv2.BORDER_REPLICATE)


def _blur(plane: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian of `sigma` pixels, border replicated; the plane itself for a sigma that does nothing."""
    if sigma < 0.1:
        return plane
    return cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)


def _wide_blur(plane: np.ndarray, sigma: float) -> np.ndarray:
    """`_blur` by many pixels, made of a picture a quarter as large: as good, in a fifth of the time."""
    small = cv2.resize(plane, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return cv2.resize(_blur(small, sigma / 4), plane.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _largest(planes: np.ndarray) -> np.ndarray:
    """[h, w, c] → [h, w]: the largest size of any channel (numpy's own way over short axes is slow)."""
    sizes = np.abs(planes)
    return np.maximum.reduce([sizes[..., i] for i in range(sizes.shape[2])])


def _mean(planes: np.ndarray) -> np.ndarray:
    """[h, w, 3] → [h, w]"""
    return (planes[..., 0] + planes[..., 1] + planes[..., 2]) / 3
