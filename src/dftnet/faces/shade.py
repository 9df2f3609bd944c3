"""The shade of an edit: how much darker or brighter skin becomes where it folds, as a ratio of what Φ has brought there.

A warp moves skin and does not fold it: a smile that is only warped lacks its nasolabial folds, lowered brows their furrow, and a
smile undone keeps its own. Paint would bring them with the network's blur. Between two pictures of a face, folds are a ratio of
brightness (Liu, Shan & Zhang 2001, "Expressive expression mapping with ratio images"), which is smooth where skin is rough. So
the generator tells that ratio, and the photo's own pixels are multiplied by it at the photo's resolution: they stay sharp.

Each unit has a map of its logarithm on the mean face, found by least squares over pairs of one person between a fine and a coarse
scale: finer is how well they lie upon each other, coarser is the light of the room (training/mean_shade.py).
"""

from __future__ import annotations

CELLS = 64
"""Of a map, a side"""
UNITS = ("AU01", "AU02", "AU04", "AU06", "AU09", "AU10", "AU12", "AU25")
"""Those that fold skin, and that pairs tell enough of"""
MOST = 0.3
"""Bound on the logarithm of the ratio"""
BRIGHTER = 0.5
"""Share of a fold's light that comes back where it is undone: it lies not just where the mean face has it, and would glow"""
FINE, COARSE = 3, 15
"""Sides of the windows, in cells, whose means are the two scales"""
LEAST = 0.006
"""A ratio that differs from 1 by less than this is 1"""
