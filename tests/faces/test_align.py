"""Alignment: template, least squares, direction of matrices, pixel centres, antialiasing."""

from __future__ import annotations

import numpy as np
import pytest

from dftnet.faces.align import align, crop_from_image, invert, template_points, transform, warp_to_crop

FACE = np.array([[40.0, 60.0], [100.0, 58.0], [70.0, 90.0], [50.0, 120.0], [94.0, 118.0]])


def test_template_in_pixels():
    assert np.allclose(template_points(100), [[29.5, 37.0], [69.5, 37.0], [49.5, 76.0]])


def test_landmarks_on_the_template_give_the_identity():
    points = template_points(128)
    mouth = points[2]
    landmarks = np.array([points[0], points[1], [64, 60], mouth - np.array([20, 3]), mouth + np.array([20, 3])])
    assert np.allclose(crop_from_image(landmarks, 128), [[1, 0, 0], [0, 1, 0]], atol=1e-12)


def test_it_undoes_any_similarity():
    reference = crop_from_image(FACE, 128)
    angle, scale, shift = 0.7, 2.3, np.array([31.0, -12.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = FACE @ turn.T + shift
    matrix = crop_from_image(moved, 128)
    assert np.allclose(transform(matrix, moved), transform(reference, FACE))
    assert np.isclose(np.linalg.det(matrix[:, :2]), np.linalg.det(reference[:, :2]) / scale**2)


def test_it_is_the_least_squares_similarity():
    matrix = crop_from_image(FACE, 128)
    source = np.stack([FACE[0], FACE[1], (FACE[3] + FACE[4]) / 2])

    def error(m: np.ndarray) -> float:
        return float(((transform(m, source) - template_points(128)) ** 2).sum())

    best = error(matrix)
    for change in np.eye(4) * 1e-3:
        c, s, x, y = change
        other = matrix + np.array([[c, -s, x], [s, c, y]])
        assert error(other) >= best


def test_a_smile_does_not_move_the_crop():
    smile = FACE.copy()
    smile[3] -= [8, 3]
    smile[4] += [8, 3]
    assert np.allclose(crop_from_image(smile, 128), crop_from_image(FACE, 128))


def test_invert_is_the_inverse():
    matrix = crop_from_image(FACE, 128)
    points = np.random.default_rng(0).uniform(0, 200, (10, 2))
    assert np.allclose(transform(invert(matrix), transform(matrix, points)), points)


@pytest.mark.parametrize("bad", [np.full((5, 2), 3.0), np.full((5, 2), np.nan), np.zeros((4, 2))])
def test_landmarks_that_are_no_face(bad):
    with pytest.raises(ValueError, match=r"landmarks|one place"):
        crop_from_image(bad, 128)


def test_warp_keeps_pixel_centres():
    """Under pure shift and pure halving every crop pixel is exactly the pixels it covers."""
    image = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    shifted = warp_to_crop(image, np.array([[1.0, 0, -5], [0, 1.0, -7]]), 16)
    assert np.array_equal(shifted, image[7:23, 5:21])
    halved = warp_to_crop(image, np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]]), 20)
    blocks = image.reshape(20, 2, 20, 2, 3).mean((1, 3))
    assert np.abs(halved - blocks).max() <= 1


def test_shrinking_does_not_alias():
    """A fine checkerboard becomes even grey at any scale; a linear ramp stays where it is."""
    y, x = np.mgrid[0:1200, 0:1200]
    board = (((x + y) % 2) * 255).astype(np.uint8)[..., None].repeat(3, 2)
    crop = warp_to_crop(board, np.array([[0.13, 0.02, -3.0], [-0.02, 0.13, 12.0]]), 96)
    assert crop.std() < 8
    ramp = (x // 5).astype(np.uint8)[..., None].repeat(3, 2)
    matrix = np.array([[0.11, 0.0, -10.0], [0.0, 0.11, -10.0]])
    small = warp_to_crop(ramp, matrix, 96)
    places = transform(invert(matrix), np.stack([np.arange(10, 90), np.full(80, 40)], 1))[:, 0]
    assert np.abs(small[40, 10:90, 0] - (places / 5 - 0.4)).max() < 1.5


def test_outside_the_image_the_border_is_replicated():
    image = np.full((50, 50, 3), 200, np.uint8)
    crop, matrix = align(image, FACE / 4, 64)
    assert crop.shape == (64, 64, 3)
    assert matrix.shape == (2, 3)
    assert (crop == 200).all()


def test_very_wide_images_work():
    image = np.zeros((30, 40000, 3), np.uint8)
    image[:, 39000:] = 255
    crop = warp_to_crop(image, np.array([[1.0, 0, -38990], [0, 1.0, 0]]), 20)
    assert crop[5, 5, 0] == 0
    assert crop[5, 15, 0] == 255
