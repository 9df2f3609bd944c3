"""Numbers that judge: agreement of two series of AU intensities. numpy only.

pearson   do they rise and fall together
icc       do they agree in scale too, ICC(3,1): two fixed raters, single ratings, consistency
mean_absolute_error
"""

from __future__ import annotations

import numpy as np


def _pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"expected two series of equal length, got {list(a.shape)} and {list(b.shape)}")
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
