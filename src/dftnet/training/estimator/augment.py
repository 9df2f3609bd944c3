"""Jitter of aligned crops for training the AU estimator: what a photo, a detector or a file may do to a face.

A function of the generator given alone, so that a run resumes bit for bit. numpy and OpenCV, no PyTorch.
Convention: pixel centres at integers; matrices are named destination_from_source.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class JitterConfig:
    """How far each property of a crop is moved, and how often."""

    moved: float = 0.9
    """Share of crops that are moved; the rest keep the sharpness of the original."""
    rotation: float = 8.0
    """Degrees, either way."""
    scale: float = 0.06
    """Natural logarithm of the change of size, either way."""
    shift: float = 4.0 / 128
    """Share of the crop's side, either way, in x and in y."""
    recoloured: float = 0.8
    """Share of crops whose gain, brightness, saturation and tint change."""
    blurred: float = 0.12
    """Share of crops that are blurred (Gaussian, sigma 0.5 to 1.6 pixels at 128)."""
    coarse: float = 0.10
    """Share of crops that went through a smaller size (3/8 to 3/4)."""
    noisy: float = 0.05
    """Share of crops with noise (standard deviation 2 to 10 of 255)."""
    compressed: float = 0.15
    """Share of crops that went through JPEG (quality 25 to 90)."""
    covered: float = 0.08
    """Share of crops with a patch of one colour (a tenth to a third of the side)."""


def crop_from_source(rng: np.random.Generator, size: int, config: JitterConfig, mirror: bool) -> NDArray:
    """A random similarity [2, 3] about the crop's centre, mirrored first if asked."""
    angle = np.deg2rad(rng.uniform(-config.rotation, config.rotation))
    scale = np.exp(rng.uniform(-config.scale, config.scale))
    shift = rng.uniform(-config.shift, config.shift, 2) * size
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if mirror:
        linear = linear @ np.diag([-1.0, 1.0])
    centre = np.full(2, (size - 1) / 2)
    return np.hstack([linear, (centre + shift - linear @ centre)[:, None]])


def recolour(crop: Image, rng: np.random.Generator) -> Image:
    """Gain, brightness, saturation (grey in one of ten) and tint, [S, S, 3] → the same."""
    gain = rng.uniform(0.7, 1.35)
    saturation = rng.uniform(0.5, 1.4) if rng.random() < 0.9 else 0.0
    brightness = rng.uniform(-25, 25)
    tint = rng.uniform(0.93, 1.07, 3)
    mix = np.full((3, 3), 1 / 3) * (1 - saturation) + np.eye(3) * saturation
    offset = np.full((3, 1), 110 * (1 - gain) + brightness)
    return np.asarray(cv2.transform(crop, np.hstack([gain * tint[:, None] * mix, offset])), np.uint8)


def degrade(crop: Image, rng: np.random.Generator, config: JitterConfig) -> Image:
    """One of blur, a smaller size and noise at most; then JPEG, and a patch of one colour; [S, S, 3] → the same."""
    size = len(crop)
    chance = rng.random()
    if chance < config.blurred:
        crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.5, 1.6) * size / 128), np.uint8)
    elif chance < config.blurred + config.coarse:
        side = int(size * rng.uniform(3 / 8, 3 / 4))
        small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
        crop = np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    elif chance < config.blurred + config.coarse + config.noisy:
        noise = rng.normal(0, rng.uniform(2, 10), crop.shape)
        crop = np.clip(crop + noise, 0, 255).astype(np.uint8)
    if rng.random() < config.compressed:
        quality = int(rng.integers(25, 90))
        encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        crop = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    if rng.random() < config.covered:
        height, width = rng.integers(size // 10, size // 3, 2)
        y, x = rng.integers(0, size - size // 10, 2)
        crop = crop.copy()
        crop[y : y + height, x : x + width] = rng.integers(0, 255, 3)
    return crop


def jitter(crop: Image, rng: np.random.Generator, config: JitterConfig) -> tuple[Image, bool]:
    """One crop uint8 [S, S, 3] changed at random → uint8 [S, S, 3], and whether it was mirrored."""
    size = len(crop)
    mirror = bool(rng.random() < 0.5)
    if rng.random() < config.moved:
        matrix = crop_from_source(rng, size, config, mirror)
        moved = cv2.warpAffine(crop, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        crop = np.asarray(moved, np.uint8)
    elif mirror:
        crop = np.ascontiguousarray(crop[:, ::-1])
    if rng.random() < config.recoloured:
        crop = recolour(crop, rng)
    return degrade(crop, rng, config), mirror
