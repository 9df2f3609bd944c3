"""What compositing does with planes and pictures: samples, blurs, enlargements; float32 [h, w] or [h, w, c], by OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

KERNEL = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))


def enlarged(picture: np.ndarray, factor: int) -> np.ndarray:
    """picture [h, w, 3] → [h · factor, w · factor, 3], factor a power of 2, with edges that stay as steep.

    Each doubling is cubic, sharpened without leaving the range of the neighbourhood, so that nothing rings.
    """
    while factor > 1:
        picture = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_LANCZOS4)
        low, high = cv2.erode(picture, KERNEL), cv2.dilate(picture, KERNEL)
        picture = blur(np.clip(picture + 1.2 * (picture - blur(picture, 2)), low, high), 0.9)
        factor //= 2
    return picture


def thrice(plane: np.ndarray) -> np.ndarray:
    """[h, w] → [h, w, 3]; numpy's own way over short axes is slow."""
    return cv2.merge([plane, plane, plane])


def span(marked: np.ndarray, beside: int = 0) -> slice:
    """From the first to the last that is True, and `beside` more on both sides as far as there are; the first place where
    none is True."""
    places = np.nonzero(marked)[0] if marked.any() else np.zeros(1, int)
    return slice(max(0, int(places[0]) - beside), min(len(marked), int(places[-1]) + 1 + beside))


def sample_photo(photo: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """photo [H, W, 3] at x, y [h, w] → float32 [h, w, 3], sharp (Lanczos); at whole pixels it is exact."""
    height, width = photo.shape[:2]
    low = np.maximum([int(y.min()) - 8, int(x.min()) - 8], 0)
    high = np.maximum(np.minimum([int(y.max()) + 10, int(x.max()) + 10], [height, width]), low + 1)
    low = np.minimum(low, high - 1)
    part = photo[low[0] : high[0], low[1] : high[1]].astype(np.float32)
    x, y = x - np.float32(low[1]), y - np.float32(low[0])
    return cv2.remap(part, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)


def sample(plane: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """plane [H, W] or [H, W, c] at x, y [h, w] → float32 [h, w] or [h, w, c], cubic."""
    return cv2.remap(plane, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def warped(image: np.ndarray, flow: np.ndarray, corner: tuple[int, int] = (0, 0)) -> np.ndarray:
    """image [S, S, 3] moved by flow [h, w, 2], bilinear: the part of it that begins at `corner`, x and y."""
    rows, columns = flow.shape[:2]
    x, y = np.meshgrid(
        *(np.arange(at, at + n, dtype=np.float32) for at, n in zip(corner, (columns, rows), strict=True))
    )
    return cv2.remap(image, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def bordered(plane: np.ndarray, pad: int) -> np.ndarray:
    return cv2.copyMakeBorder(plane, pad, pad, pad, pad, cv2.BORDER_REPLICATE)


def blur(plane: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian of `sigma` pixels, border replicated; the plane itself for a sigma that does nothing."""
    if sigma < 0.1:
        return plane
    return cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)


def wide_blur(plane: np.ndarray, sigma: float) -> np.ndarray:
    """`blur` by many pixels, made of a picture a quarter as large: as good, in a fifth of the time."""
    small = cv2.resize(plane, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return cv2.resize(blur(small, sigma / 4), plane.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def largest(planes: np.ndarray) -> np.ndarray:
    """[h, w, c] → [h, w]: the largest size of any channel (numpy's own way over short axes is slow)."""
    sizes = np.abs(planes)
    return np.maximum.reduce([sizes[..., i] for i in range(sizes.shape[2])])


def mean(planes: np.ndarray) -> np.ndarray:
    """[h, w, 3] → [h, w]"""
    return (planes[..., 0] + planes[..., 1] + planes[..., 2]) / 3
