"""Compositing against numbers: what is outside stays, what moves moves exactly, nothing blurs, no seam."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dftnet.editing.compositing import composite, composite_patch, patch_box
from dftnet.faces import eye, lid, mouth
from dftnet.faces.drawn import millimetre, painted, window
from dftnet.faces.light import in_light_of
from dftnet.faces.mask import OVERHANG, face_mask
from dftnet.faces.shade import LEAST

SIZE = 64


def portrait(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A photo with detail at every scale, uint8 [h, w, 3]."""
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width, 3), np.float32)
    for sigma, strength in ((1, 12), (4, 25), (30, 60)):
        noise = cv2.GaussianBlur(rng.standard_normal((height, width, 3)).astype(np.float32), (0, 0), sigma)
        image += strength * noise / noise.std()
    return np.clip(image + 128, 0, 255).astype(np.uint8)


def placed(angle: float, scale: float, centre: tuple[float, float]) -> np.ndarray:
    """crop_from_image for a face turned by `angle` degrees, `scale` crop pixels a photo pixel."""
    c, s = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    linear = np.array([[c, s], [-s, c]])
    return np.hstack([linear, (np.full(2, (SIZE - 1) / 2) - linear @ np.array(centre))[:, None]])


def cut(photo: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The crop, without aliasing."""
    eight = photo if photo.dtype == np.uint8 else (photo >> 8).astype(np.uint8)
    scale = float(np.hypot(*matrix[0, :2]))
    soft = cv2.GaussianBlur(eight, (0, 0), 0.5 / scale) if scale < 1 else eight
    return cv2.warpAffine(soft, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def maps(
    flow: tuple[float, float] = (0, 0), attention: float = 1, texture: np.ndarray | float = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Constant maps of one crop; `texture` a grey in [-1, 1] or a crop uint8."""
    if isinstance(texture, np.ndarray):
        painted = texture.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1
    else:
        painted = np.full((3, SIZE, SIZE), texture, np.float32)
    moved = np.broadcast_to(np.array(flow, np.float32)[:, None, None], (2, SIZE, SIZE)).copy()
    return moved, np.full((1, SIZE, SIZE), attention, np.float32), painted


def mask_on(photo: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The face's mask on the photo's pixels, float [H, W]."""
    pad = round(OVERHANG * SIZE)
    shifted = matrix + np.array([[0, 0, pad], [0, 0, pad]])
    height, width = photo.shape[:2]
    inverse = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(face_mask(SIZE, pad), shifted, (width, height), flags=inverse)


PLACES = [(0, 0.2, (250, 200)), (40, 0.25, (250, 190)), (-45, 0.5, (60, 40)), (0, 1.7, (200, 200)), (10, 0.1, (60, 0))]


@pytest.mark.parametrize(("angle", "scale", "centre"), PLACES)
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_nothing_asked_returns_the_input(angle: float, scale: float, centre: tuple[float, float], depth: type) -> None:
    photo = portrait(400, 500).astype(depth) * (257 if depth == np.uint16 else 1)
    matrix = placed(angle, scale, centre)
    before = photo.copy()
    result = composite(photo, matrix, cut(photo, matrix), *maps(texture=0.3))
    assert result.dtype == depth
    assert np.array_equal(result, photo)
    assert np.array_equal(photo, before)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_fold_darkens_the_photos_own_pixels_and_blurs_none(depth: type) -> None:
    photo = portrait(400, 500).astype(depth) * (257 if depth == np.uint16 else 1)
    matrix = placed(10, 0.25, (250, 190))
    ratio = np.full((1, SIZE, SIZE), 0.8, np.float32)
    result = composite(photo, matrix, cut(photo, matrix), *maps(texture=0.3), {"shade": ratio})
    mask = mask_on(photo, matrix)
    wanted = photo * (0.8 + LEAST)
    inside = cv2.erode((mask > 0.999).astype(np.uint8), np.ones((9, 9))) > 0
    assert inside.sum() > 1000
    assert np.abs(result[inside] - wanted[inside]).max() <= 1 * (257 if depth == np.uint16 else 1)
    outside = cv2.dilate((mask > 0).astype(np.uint8), np.ones((17, 17))) == 0
    assert np.array_equal(result[outside], photo[outside])
    nothing = composite(photo, matrix, cut(photo, matrix), *maps(), {"shade": 1 + 0 * ratio})
    assert np.array_equal(nothing, photo)


@pytest.mark.parametrize(("angle", "scale", "centre"), PLACES)
def test_outside_the_mask_is_untouched(angle: float, scale: float, centre: tuple[float, float]) -> None:
    photo = portrait(400, 500)
    matrix = placed(angle, scale, centre)
    result = composite(photo, matrix, cut(photo, matrix), *maps((3, -2), 0.3, -0.5))
    reach = max(2 / scale, 6)  # the cubic kernel's two crop pixels
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(reach) + 1,) * 2)
    outside = cv2.dilate(mask_on(photo, matrix), disc) == 0
    assert outside.any()
    assert np.array_equal(result[outside], photo[outside])
    assert not np.array_equal(result, photo)


@pytest.mark.parametrize(("angle", "scale", "centre"), [*PLACES, (20, 4, (200, 200))])
@pytest.mark.parametrize("constant", [((3, -2), 0.3, -0.5), ((0, 0), 1, 0), ((9, 9), 1, 0), ((0, 0), 0, 0.5)])
def test_a_patch_is_that_part_of_the_whole(
    angle: float, scale: float, centre: tuple[float, float], constant: tuple[tuple[float, float], float, float]
) -> None:
    """Bit for bit, and nothing changes beside it, whatever the maps say."""
    photo = portrait(400, 500)
    matrix = placed(angle, scale, centre)
    whole = composite(photo, matrix, cut(photo, matrix), *maps(*constant))
    patch = composite_patch(photo, matrix, cut(photo, matrix), *maps(*constant))
    x0, y0, x1, y1 = patch_box(SIZE, matrix, photo.shape)
    assert (patch.x, patch.y, *patch.pixels.shape[:2]) == (x0, y0, y1 - y0, x1 - x0)
    assert np.array_equal(patch.pixels, whole[y0:y1, x0:x1])
    rest = whole.copy()
    rest[y0:y1, x0:x1] = photo[y0:y1, x0:x1]
    assert np.array_equal(rest, photo)


@pytest.mark.parametrize(("angle", "scale", "flow"), [(0, 0.25, (2, 0)), (0, 0.2, (0, -1.1)), (30, 0.25, (1, 2))])
def test_a_shift_moves_the_photos_own_pixels(angle: float, scale: float, flow: tuple[float, float]) -> None:
    photo = portrait(400, 500)
    matrix = placed(angle, scale, (250, 200))
    result = composite(photo, matrix, cut(photo, matrix), *maps(flow))
    dx, dy = np.linalg.inv(matrix[:, :2]) @ np.array(flow)
    y, x = np.mgrid[:400, :500].astype(np.float32)
    shifted = cv2.remap(photo.astype(np.float32), x + np.float32(dx), y + np.float32(dy), cv2.INTER_LANCZOS4)
    inside = mask_on(photo, matrix) >= 0.9999
    assert inside.sum() > 5000
    difference = np.abs(np.clip(shifted, 0, 255) - result)[inside]
    assert difference.mean() < 0.5
    assert np.quantile(difference, 0.99) < 1


def test_the_flow_fades_without_a_seam() -> None:
    """On a ramp, whose warp is the ramp plus the displacement, no step anywhere beats the mask's own slope."""
    ramp = np.broadcast_to(np.linspace(0, 65535, 500)[None, :, None], (400, 500, 3)).astype(np.uint16)
    matrix = placed(0, 0.25, (250, 200))
    result = composite(ramp, matrix, cut(ramp, matrix), *maps((2, 0))).astype(np.float64)
    moved = result - ramp
    one_pixel = 65535 / 499
    assert moved.max() == pytest.approx(8 * one_pixel, rel=0.02)
    assert np.abs(np.diff(moved, axis=1)).max() < 0.5 * one_pixel
    assert np.abs(np.diff(moved, axis=0)).max() < 0.5 * one_pixel


def test_paint_fades_without_a_seam() -> None:
    grey = np.full((400, 400, 3), 128, np.uint8)
    matrix = placed(20, 0.2, (200, 200))
    result = composite(grey, matrix, cut(grey, matrix), *maps(attention=0, texture=0.6)).astype(int)
    change = np.abs(result - 128)
    assert change.max() > 60
    assert max(np.abs(np.diff(change, axis=0)).max(), np.abs(np.diff(change, axis=1)).max()) <= 11


def sharpness(image: np.ndarray, where: np.ndarray) -> float:
    """Mean absolute Laplacian of the grey image."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F))[where].mean())


@pytest.mark.parametrize("attention", [1.0, 0.7, 0.2])
def test_detail_survives_the_edit(attention: float) -> None:
    """Where the texture shows what the photo shows, sharpness stays; pasting the enlarged crop loses it."""
    photo = portrait(600, 600)
    matrix = placed(12, 0.125, (300, 300))
    crop = cut(photo, matrix)
    flow, weights, texture = maps((1.3, 0.4), attention)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    moved = cv2.remap(crop, x + 1.3, y + 0.4, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    texture = moved.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1
    result = composite(photo, matrix, crop, flow, weights, texture)
    where = mask_on(photo, matrix) > 0.999
    enlarge = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    naive = cv2.warpAffine(moved, matrix, (600, 600), flags=enlarge)
    assert sharpness(result, where) / sharpness(photo, where) >= 0.95
    assert sharpness(naive, where) / sharpness(photo, where) < 0.5


def test_a_colour_cast_of_the_texture_is_removed() -> None:
    photo = portrait(400, 400)
    matrix = placed(0, 0.2, (200, 200))
    crop = cut(photo, matrix)
    cast = np.clip(crop.astype(int) + np.array([9, -6, 4]), 0, 255).astype(np.uint8)
    result = composite(photo, matrix, crop, *maps(attention=0.5, texture=cast))
    inside = mask_on(photo, matrix) > 0.999
    assert np.abs((result.astype(float) - photo)[inside].mean(0)).max() < 1


def test_new_content_is_painted() -> None:
    """A texture that differs from the photo shows, at its own colour, without the photo's detail on it."""
    photo = portrait(400, 400)
    matrix = placed(0, 0.2, (200, 200))
    result = composite(photo, matrix, cut(photo, matrix), *maps(attention=0, texture=-1.0))
    middle = result[180:220, 180:220]
    assert middle.mean() < 8
    assert middle.std() < 6


def test_sixteen_bits_stay_sixteen_bits() -> None:
    eight = portrait(300, 300)
    eight = np.minimum(eight, 250)
    fine = eight.astype(np.uint16) * 257 + np.random.default_rng(1).integers(0, 200, eight.shape, np.uint16)
    matrix = placed(5, 0.3, (150, 150))
    arguments = maps((2, 1), 0.8, cut(eight, matrix))
    coarse = composite(eight, matrix, cut(eight, matrix), *arguments)
    deep = composite(fine, matrix, cut(fine, matrix), *arguments)
    assert np.abs(deep / 257.0 - coarse).max() < 2.5
    assert len(np.unique(deep % 257)) > 100


def test_tiles_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = portrait(300, 300)
    matrix = placed(25, 0.3, (150, 150))
    arguments = (photo, matrix, cut(photo, matrix), *maps((2, 1), 0.5, 0.2))
    monkeypatch.setattr("dftnet.editing.compositing.TILE_PIXELS", 1 << 30)
    whole = composite(*arguments)
    monkeypatch.setattr("dftnet.editing.compositing.TILE_PIXELS", 2000)
    assert np.array_equal(composite(*arguments), whole)


@pytest.mark.parametrize("scale", [0.15, 0.5, 1.7])
def test_paint_is_the_same_however_much_around_it_is_enlarged(monkeypatch: pytest.MonkeyPatch, scale: float) -> None:
    photo, matrix = portrait(400, 400), placed(20, scale, (200, 200))
    flow, attention, texture = maps(attention=1, texture=portrait(SIZE, SIZE, 1))
    attention[0, 20:30, 25:45] = 0
    edited = composite(photo, matrix, cut(photo, matrix), flow, attention, texture)
    assert np.abs(edited.astype(int) - photo).max() > 40
    monkeypatch.setattr("dftnet.editing.painted.BESIDE", SIZE)
    whole = composite(photo, matrix, cut(photo, matrix), flow, attention, texture)
    assert np.abs(edited.astype(int) - whole).max() <= 1
    assert (edited == whole).mean() > 0.9999


def test_face_outside_the_photo_changes_nothing() -> None:
    photo = portrait(100, 100)
    matrix = placed(0, 0.5, (500, 500))
    result = composite(photo, matrix, cut(photo, matrix), *maps((2, 1), 0.5, 0.2))
    assert np.array_equal(result, photo)


def test_wrong_photo_is_refused() -> None:
    grey = np.zeros((50, 50), np.uint8)
    with pytest.raises(ValueError, match="RGB"):
        composite(grey, placed(0, 1, (25, 25)), np.zeros((SIZE, SIZE, 3), np.uint8), *maps())


def opened(part: str) -> np.ndarray:
    """Maps [7, h, w] of a part that is seen all over its window."""
    left, top, right, bottom = window(SIZE, PARTS[part].WINDOW)
    x, y = np.meshgrid(np.linspace(-20, 20, right - left), np.linspace(0, 1, bottom - top))
    one = np.ones_like(x)
    own = (x, 20 * y, 20 * (1 - y)) if part == "mouth" else (0.8 * x, 8 * y - 4, 6 * one)
    return np.stack([*own, one, one, one, 20 * one]).astype(np.float32)


PARTS = {"mouth": mouth, "eyes": eye}


@pytest.mark.parametrize("part", PARTS)
def test_what_is_drawn_is_as_sharp_as_it_is_drawn(part: str) -> None:
    photo = portrait(500, 500)
    matrix = placed(0, 0.16, (250, 250))
    seen = opened(part)
    left, top, right, bottom = window(SIZE, PARTS[part].WINDOW)
    texture = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    lit = in_light_of(cut(photo, matrix), seen)
    texture[top:bottom, left:right] = painted(lit, 1, PARTS[part].colours)[0]
    flow, attention, _ = maps(attention=0)
    arguments = photo, matrix, cut(photo, matrix), flow, attention, 2 * texture.transpose(2, 0, 1) - 1

    def drawn(maps_of: np.ndarray) -> dict[str, np.ndarray]:
        return {part: maps_of}

    coarse, fine = composite(*arguments), composite(*arguments, drawn(seen))
    patch = composite_patch(*arguments, drawn(seen))
    assert np.array_equal(patch.pixels, fine[patch.y :, patch.x :][: patch.pixels.shape[0], : patch.pixels.shape[1]])
    corner = np.linalg.inv(np.vstack([matrix, [0, 0, 1]])) @ [left + 6, top + 3, 1]
    x, y = corner[:2].astype(int)
    here = np.s_[y : y + 40, x : x + 120]
    assert abs(fine[here].astype(float) - coarse[here]).mean() < 12, "it is the same"
    steps = [np.abs(np.diff(picture[here].astype(float).mean(2), axis=1)).max() for picture in (coarse, fine)]
    assert steps[1] > 1.3 * steps[0]
    nowhere = seen.copy()
    nowhere[6] = -20
    assert np.array_equal(composite(*arguments, drawn(nowhere)), coarse)


def test_what_is_drawn_where_nothing_is_painted_changes_nothing() -> None:
    """A trace of an eye beside a mouth that was painted ended in an error of OpenCV's."""
    photo = portrait(500, 500)
    matrix = placed(0, 0.16, (250, 250))
    flow, attention, texture = maps(attention=1, texture=0.3)
    attention[:, 44:56, 20:44] = 0  # a mouth
    arguments = photo, matrix, cut(photo, matrix), flow, attention, texture
    eyes = opened("eyes")
    eyes[6] = np.where(np.arange(len(eyes[6]))[:, None] < 2, -1.0, -20.0)
    result = composite(*arguments, {"eyes": eyes})
    assert np.array_equal(result, composite(*arguments))


def test_what_a_small_face_shows_is_in_the_light_of_its_cheeks_too() -> None:
    photo = portrait(100, 100)
    photo[..., 2] = np.maximum(photo[..., 2], 200)
    photo[..., 0] //= 3
    matrix = placed(0, 1.0, (50, 50))
    seen, texture = opened("mouth"), np.full((SIZE, SIZE, 3), 0.5, np.float32)
    left, top, right, bottom = window(SIZE, mouth.WINDOW)
    texture[top:bottom, left:right] = painted(seen, 1, mouth.colours)[0]
    flow, attention, _ = maps(attention=0)
    arguments = photo, matrix, cut(photo, matrix), flow, attention, 2 * texture.transpose(2, 0, 1) - 1
    as_learnt, lit = composite(*arguments), composite(*arguments, {"mouth": seen})
    middle = np.s_[50 + top - SIZE // 2 + 8 : 50 + top - SIZE // 2 + 20, 40:60]
    bluer = (lit[middle].astype(float) - as_learnt[middle])[..., [0, 2]].mean((0, 1))
    assert bluer[1] > bluer[0] + 15


def shut(lowest: float, up: float = 4.0, light: float = 1.0) -> np.ndarray:
    """Maps [6, h, w] of lids that come down to a share of their window, from so many millimetres above, as bright in red."""
    left, top, right, bottom = window(SIZE, lid.WINDOW)
    rows = np.linspace(0, 1, bottom - top)[:, None] + np.zeros((1, right - left))
    one = np.ones_like(rows)
    return np.stack([0 * one, -up * one, 60 * (lowest - rows), light * one, one, one]).astype(np.float32)


@pytest.mark.parametrize(("angle", "scale"), [(0, 0.16), (25, 0.3), (0, 1.3)])
def test_a_lid_is_the_photos_own_pixels_down_to_a_sharp_border(angle: float, scale: float) -> None:
    photo = portrait(500, 500)
    matrix = placed(angle, scale, (250, 250))
    still = photo, matrix, cut(photo, matrix), *maps()
    result = composite(*still, {"lids": shut(0.5)})
    _, top, _, bottom = window(SIZE, lid.WINDOW)
    linear, offset = matrix[:, :2], matrix[:, 2]

    def at(x: float, y: float) -> tuple[int, int]:
        column, row = np.round(np.linalg.solve(linear, np.array([x, y]) - offset)).astype(int)
        return int(row), int(column)

    step = np.linalg.solve(linear, [0, -4 * millimetre(SIZE)])
    grid_x, grid_y = np.meshgrid(np.arange(500, dtype=np.float32), np.arange(500, dtype=np.float32))
    moved = cv2.remap(photo, grid_x + np.float32(step[0]), grid_y + np.float32(step[1]), cv2.INTER_LANCZOS4)
    within, beyond = at(32, top + 0.25 * (bottom - top)), at(32, top + 0.8 * (bottom - top))
    assert np.abs(result[within].astype(int) - moved[within]).max() <= 2, "as sharp as the photo"
    assert np.array_equal(result[beyond], photo[beyond])
    patch = composite_patch(*still, {"lids": shut(0.5)})
    assert np.array_equal(patch.pixels, result[patch.y :, patch.x :][: patch.pixels.shape[0], : patch.pixels.shape[1]])
    assert np.array_equal(composite(*still, {"lids": shut(-1)}), photo), "no lid, no change"
    brighter = composite(*still, {"lids": shut(0.5, light=1.3)})[within]
    assert brighter == pytest.approx(np.clip(result[within] * np.array([1.3, 1, 1]), 0, 255), abs=2)
    if scale < 0.2:
        first, last = at(32, top), at(32, bottom)
        column = np.abs(result.astype(int) - moved)[first[0] : last[0], first[1]].max(1) <= 2
        own = np.abs(result.astype(int) - photo)[first[0] : last[0], first[1]].max(1) == 0
        assert (~column & ~own).sum() <= 4, "pixels of neither: the border"
