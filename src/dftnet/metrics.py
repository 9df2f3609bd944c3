"""Numbers that judge, one function each, and their bootstrap intervals.

    pearson, icc, mean_absolute_error     agreement of two series of AU intensities
    slopes, monotone, leakage             what a single unit's level does to itself and to the others
    gap_closed                            how much nearer an edit is to the true target than its source was
    cosine                                identity, by a face embedding
    psnr, ssim                            two pictures
    frechet_distance, kernel_distance     two sets of embeddings
    paint                                 how far the paint goes from the warped source
    iris_left                             what a closed lid leaves to be seen of the iris
    flow_health                           mean A, |Φ|, folding, total variation
    flicker                               how much an edited clip trembles beside the one it was made from
    interval                              any function of sums over faces, with a bootstrap over identities

Images are uint8 [n, h, w, 3]; flows [n, 2, h, w] are in crop pixels, channel 0 is x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np


def _pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    assert a.shape == b.shape == (a.size,), f"two series of equal length, not {list(a.shape)} and {list(b.shape)}"
    return a, b


def pearson(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's r of two series [n]; NaN where either is constant or n < 2."""
    a, b = _pair(first, second)
    if len(a) < 2:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    spread = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / spread) if spread > 1e-12 else float("nan")


def icc(first: np.ndarray, second: np.ndarray) -> float:
    """ICC(3,1) of two raters [n], [n] (Shrout & Fleiss 1979, two-way mixed, consistency); NaN where nothing varies.

    (MS_rows - MS_error) / (MS_rows + MS_error): for two raters 2·cov / (var + var), so r with a penalty for unequal
    spread and none for an offset.
    """
    a, b = _pair(first, second)
    if len(a) < 2:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    spread = a @ a + b @ b
    return float(2 * (a @ b) / spread) if spread > 1e-12 else float("nan")


def mean_absolute_error(first: np.ndarray, second: np.ndarray) -> float:
    """Mean of |first - second|, [n], [n]."""
    a, b = _pair(first, second)
    return float(np.abs(a - b).mean()) if len(a) else float("nan")


def slopes(levels: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Least-squares slope of each face's measured unit over the levels asked: levels [l], measured [n, l] → float64 [n]."""
    x = np.asarray(levels, np.float64)
    x = x - x.mean()
    return np.asarray(measured, np.float64) @ x / (x @ x)


def monotone(measured: np.ndarray, tolerance: float = 0.0) -> np.ndarray:
    """measured [n, l] → bool [n]: the unit never falls by more than `tolerance` from one level to the next, and rises in all."""
    values = np.asarray(measured, np.float64)
    return (np.diff(values, axis=1) >= -tolerance).all(1) & (values[:, -1] > values[:, 0])


def leakage(change: np.ndarray, unit: int) -> tuple[np.ndarray, np.ndarray]:
    """Change of all units [n, K] when only `unit` was asked to change → mean |others| [n] and |unit| [n].

    Leakage is the ratio of their means over faces (a mean of ratios is ruled by faces whose unit hardly moved).
    """
    size = np.abs(np.asarray(change, np.float64))
    others = np.delete(size, unit, axis=1)
    return others.mean(1), size[:, unit]


def gap_closed(edited: np.ndarray, source: np.ndarray) -> float:
    """1 - mean d(edited, target) / mean d(source, target), distances [n]: 0 for a copy, 1 for the target itself."""
    before = float(np.mean(source))
    return 1 - float(np.mean(edited)) / before if before > 0 else float("nan")


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine of the rows of [n, d] and [n, d] → float64 [n] in [-1, 1]."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    return (a * b).sum(1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)


def psnr(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """dB of each pair of pictures uint8 [n, h, w, 3] → float64 [n]; infinite where they are equal."""
    error = (first.astype(np.float64) - second.astype(np.float64)) ** 2
    with np.errstate(divide="ignore"):
        return -10 * np.log10(error.mean((1, 2, 3)) / 255**2)


def ssim(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004) of luminance: uint8 [n, h, w, 3], twice → float64 [n].

    Gaussian window of 11 pixels, sigma 1.5, K1 0.01, K2 0.03, windows that lie inside the picture.
    """
    weights = np.array([0.299, 0.587, 0.114])
    x, y = first.astype(np.float64) @ weights, second.astype(np.float64) @ weights
    mean_x, mean_y = _window(x), _window(y)
    var_x, var_y = _window(x * x) - mean_x**2, _window(y * y) - mean_y**2
    both = _window(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    like = (2 * mean_x * mean_y + c1) * (2 * both + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return like.mean((1, 2))


def _window(planes: np.ndarray) -> np.ndarray:
    """Gaussian means over 11 x 11 windows: [n, h, w] → [n, h - 10, w - 10]."""
    kernel = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    height, width = planes.shape[1] - 10, planes.shape[2] - 10
    rows = sum(k * planes[:, i : i + height] for i, k in enumerate(kernel))
    assert isinstance(rows, np.ndarray)
    return np.asarray(sum(k * rows[:, :, i : i + width] for i, k in enumerate(kernel)))


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of Gaussians fitted to two sets of embeddings [n, d], [m, d]; biased upwards for small n, m.

    |mean difference|² + tr(Σ1 + Σ2 - 2 (Σ1 Σ2)^½)
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    mixed = np.linalg.eigvalsh(root @ cov_b @ root)
    shift = a.mean(0) - b.mean(0)
    return float(shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(np.clip(mixed, 0, None)).sum())


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Squared maximum mean discrepancy, unbiased, kernel (x·y / d + 1)³ (Binkowski et al. 2018): [n, d], [m, d].

    Embeddings are scaled to length √d first, so that the number does not depend on the embedding's unit.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    d = a.shape[1]
    a, b = (np.sqrt(d) * x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (a, b))
    aa, bb, ab = ((x @ y.T / d + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    n, m = len(a), len(b)
    within = (aa.sum() - np.trace(aa)) / (n * (n - 1)) + (bb.sum() - np.trace(bb)) / (m * (m - 1))
    return float(within - 2 * ab.mean())


def paint(edited: np.ndarray, aligned: np.ndarray) -> np.ndarray:
    """Mean difference of the edit from the warped source, of 1: uint8 [n, h, w, 3], twice → float64 [n]."""
    return np.abs(edited.astype(np.float64) - aligned).mean((1, 2, 3)) / 255


def iris_left(image: np.ndarray, disc: np.ndarray, iris: np.ndarray, skin: np.ndarray) -> float:
    """Share of the pixels of `disc` whose colour is nearer to the iris than to the lid's skin.

    image uint8 [h, w, 3]; disc bool [h, w], where the iris was in the source; iris, skin [3], median colours of the
    source. About 1 for an open eye, about 0 for a lid without a ghost.
    """
    pixels = image[disc].astype(np.float64)
    if not len(pixels):
        return float("nan")
    nearer = np.linalg.norm(pixels - iris, axis=1) < np.linalg.norm(pixels - skin, axis=1)
    return float(nearer.mean())


def flow_health(flow: np.ndarray, attention: np.ndarray) -> dict[str, np.ndarray]:
    """flow [n, 2, h, w] in pixels, attention [n, 1, h, w] → a number for each face, float64 [n].

    mean_attention   mean A
    mean_flow        mean |Φ|, pixels
    max_flow         largest |Φ|, pixels
    folding          share of pixels where the warp turns over: det(I + ∂Φ) < 0, forward differences
    total_variation  mean |∂Φ/∂x| + |∂Φ/∂y| over pixels, summed over both channels
    """
    field = np.asarray(flow, np.float64)
    dx, dy = np.diff(field, axis=3)[:, :, :-1], np.diff(field, axis=2)[:, :, :, :-1]
    determinant = (1 + dx[:, 0]) * (1 + dy[:, 1]) - dy[:, 0] * dx[:, 1]
    length = np.hypot(field[:, 0], field[:, 1])
    return {
        "mean_attention": np.asarray(attention, np.float64).mean((1, 2, 3)),
        "mean_flow": length.mean((1, 2)),
        "max_flow": length.max((1, 2)),
        "folding": (determinant < 0).mean((1, 2)),
        "total_variation": (np.abs(dx) + np.abs(dy)).sum(1).mean((1, 2)),
    }


class Interval(NamedTuple):
    """A number with the 2.5 and 97.5 percentiles of its bootstrap; `low` and `high` are NaN below two identities."""

    value: float
    low: float
    high: float
    faces: int
    identities: int


OfSums = Callable[[np.ndarray], np.ndarray]
"""Sums [..., m] → a number [...]"""


def ratio_of_sums(sums: np.ndarray) -> np.ndarray:
    """[..., 2] → first / second; NaN where the second is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)


def gap_of_sums(sums: np.ndarray) -> np.ndarray:
    """[..., 2] = (Σ d(edited, target), Σ d(source, target)) → `gap_closed`."""
    return 1 - ratio_of_sums(sums)


def moments(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two series [n] or [n, K] → [n, K * 6], what `pearson_of_moments` and `icc_of_moments` need: 1, a, b, a², b², ab."""
    a, b = (np.asarray(x, np.float64).reshape(len(x), -1) for x in (first, second))
    return np.stack([np.ones_like(a), a, b, a * a, b * b, a * b], -1).reshape(len(a), -1)


def pearson_of_moments(sums: np.ndarray) -> np.ndarray:
    """[..., K * 6] → mean over K of `pearson`, units where either series is constant left out."""
    n, a, b, aa, bb, ab = np.moveaxis(sums.reshape(*sums.shape[:-1], -1, 6), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.clip(aa - a * a / n, 0, None) * np.clip(bb - b * b / n, 0, None))
        r = np.where(spread > 1e-9, (ab - a * b / n) / spread, np.nan)
    return _mean_without_nan(r)


def icc_of_moments(sums: np.ndarray) -> np.ndarray:
    """[..., K * 6] → mean over K of `icc`."""
    n, a, b, aa, bb, ab = np.moveaxis(sums.reshape(*sums.shape[:-1], -1, 6), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (aa - a * a / n) + (bb - b * b / n)
        value = np.where(spread > 1e-9, 2 * (ab - a * b / n) / spread, np.nan)
    return _mean_without_nan(value)


def _mean_without_nan(values: np.ndarray) -> np.ndarray:
    there = np.isfinite(values)
    count = there.sum(-1)
    return np.where(count > 0, np.where(there, values, 0).sum(-1) / np.maximum(count, 1), np.nan)


def interval(
    rows: np.ndarray, identities: np.ndarray, statistic: OfSums = ratio_of_sums, draws: int = 1000, seed: int = 0
) -> Interval:
    """A statistic of sums over faces, with its bootstrap over identities: all faces of a person are drawn together.

    rows [n, m] are what is summed ([n]: a mean over faces is asked for); identities [n] says whose each row is. Rows
    that are not finite are left out.
    """
    table = np.asarray(rows, np.float64)
    if table.ndim == 1:
        table, statistic = np.stack([table, np.ones_like(table)], 1), ratio_of_sums
    keep = np.isfinite(table).all(1)
    table = table[keep]
    people, whose = np.unique(np.asarray(identities)[keep], return_inverse=True)
    if not len(table):
        return Interval(float("nan"), float("nan"), float("nan"), 0, 0)
    sums = np.zeros((len(people), table.shape[1]))
    np.add.at(sums, whose, table)
    value = float(statistic(sums.sum(0)))
    if len(people) < 2:
        return Interval(value, float("nan"), float("nan"), len(table), len(people))
    times = np.random.default_rng(seed).multinomial(len(people), np.full(len(people), 1 / len(people)), draws)
    drawn = np.asarray(statistic(times @ sums), np.float64)
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.percentile(drawn, [2.5, 97.5]) if len(drawn) else (float("nan"), float("nan"))
    return Interval(value, float(low), float(high), len(table), len(people))


FLICKER_SIDE = 96
"""Side of the crops that `flicker` compares, pixels."""


def flicker(frames: Sequence[np.ndarray], crop_from_frame: Sequence[np.ndarray]) -> float:
    """Mean second difference in time of the face held still, in grey levels of 255.

    frames           uint8 [H, W, 3], evenly spaced in time
    crop_from_frame  [2, 3] for each frame, to a crop of FLICKER_SIDE pixels; the same for edited and unedited frames

    Steady motion and slow change count nothing, trembling and flashing all they have. The ratio to the unedited
    frames' value is 1 for an edit that adds none.
    """
    assert 3 <= len(frames) == len(crop_from_frame), f"3 or more frames, each with its matrix, not {len(frames)}"
    grey = [cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in frames]
    size = (FLICKER_SIDE, FLICKER_SIDE)
    held = np.stack(
        [cv2.warpAffine(g, m, size, flags=cv2.INTER_LINEAR) for g, m in zip(grey, crop_from_frame, strict=True)]
    )
    return float(np.abs(held[:-2] - 2 * held[1:-1] + held[2:]).mean())
