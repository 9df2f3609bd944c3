"""Every change of pixels into others, by hand-computed numbers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from dftnet.media.pixels import (
    STRIP,
    eight_bits,
    from_grey,
    from_pillow,
    on_white,
    sixteen_bits,
    to_float,
    to_grey,
    to_lab,
    to_uint8,
    upright,
)


def test_float_and_back_is_exact():
    values = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, -1)
    inside = to_float(values)
    assert inside.shape == (1, 3, 16, 16)
    assert inside.dtype == np.float32
    assert inside.min() == -1
    assert inside.max() == 1
    assert np.array_equal(to_uint8(inside), values)


def test_float_of_one_image_and_rounding_and_clipping():
    assert to_float(np.full((4, 6, 3), 255, np.uint8)).shape == (1, 3, 4, 6)
    made = to_uint8(np.full((1, 3, 1, 4), 0) + np.array([-9.0, 0.0, 0.5, 9.0]))
    assert made[0, 0, :, 0].tolist() == [0, 128, 191, 255]


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8)])
def test_float_refuses_other_layouts(bad):
    with pytest.raises(ValueError, match=r"uint8"):
        to_float(bad)


def test_16_bits_to_8_takes_the_nearest_and_comes_back_exactly():
    """One rule everywhere: 257 is one step, and half a step decides."""
    deep = np.array([0, 128, 129, 257, 385, 386, 65406, 65407, 65535], np.uint16)
    assert eight_bits(deep).tolist() == [0, 0, 1, 1, 1, 2, 254, 255, 255]
    every = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(eight_bits(every), np.rint(every / 257.0).astype(np.uint8))
    eight = np.arange(256, dtype=np.uint8)
    assert np.array_equal(eight_bits(sixteen_bits(eight)), eight)
    assert sixteen_bits(eight)[[0, 1, 255]].tolist() == [0, 257, 65535]
    assert eight_bits(eight) is eight
    assert sixteen_bits(every) is every


def test_grey_of_any_depth():
    assert from_grey(np.array([[0, 128, 129, 65535]], np.uint16))[0, :, 1].tolist() == [0, 0, 1, 255]
    assert from_grey(np.array([[0, 65535, 70000, -5]], np.int32))[0, :, 0].tolist() == [0, 255, 255, 0]
    assert from_grey(np.array([[0.0, 0.5, 1.0, np.nan]], np.float32))[0, :, 2].tolist() == [0, 128, 255, 0]
    assert from_grey(np.array([[0.0, 100.4, 255.0, 300.0]], np.float32))[0, :, 2].tolist() == [0, 100, 255, 255]
    assert to_grey(np.array([[[1, 2, 4], [255, 255, 255]]], np.uint8)).tolist() == [[2, 255]]
    assert to_grey(np.array([[[0, 0, 65535]]], np.uint16)).tolist() == [[21845]]


def test_transparency_is_laid_on_white():
    pixels = np.array([[[100, 0, 255]] * 3], np.uint8)
    made = on_white(pixels, np.array([[255, 0, 51]], np.uint8))
    assert made.tolist() == [[[100, 0, 255], [255, 255, 255], [224, 204, 255]]]
    assert on_white(pixels, None) is pixels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_what_exif_means(orientation: int):
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    image = Image.fromarray(picture)
    image.getexif()[0x0112] = orientation
    assert np.array_equal(upright(picture, orientation), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("height", [1, STRIP, STRIP + 1, 2 * STRIP + 7])
def test_a_picture_from_pillow_is_taken_whole(height: int):
    values = np.random.default_rng(0).integers(0, 256, (height, 3, 4), dtype=np.uint8)
    for mode, channels in (("RGB", values[..., :3]), ("L", np.repeat(values[..., :1], 3, 2)), ("RGBA", values)):
        picture = Image.fromarray(values[..., 0] if mode == "L" else channels)
        assert picture.mode == mode
        np.testing.assert_array_equal(from_pillow(picture), channels[..., :3])


def test_lab_is_what_opencv_says():
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 1, 3)
    expected = cv2.cvtColor(colours.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) * [2.55, 1, 1] + [0, 128, 128]
    np.testing.assert_allclose(to_lab(colours), expected, atol=0.5)
    np.testing.assert_allclose(to_lab(np.array([0, 0, 0], np.uint8)), [0, 128, 128], atol=0.01)
    np.testing.assert_allclose(to_lab(np.array([255, 255, 255], np.uint8)), [255, 128, 128], atol=0.01)
