"""The shade of an edit: how much darker or brighter skin becomes where it folds, as a ratio of what Φ has brought there.

A warp moves skin and does not fold it: a smile that is only warped lacks its nasolabial folds, lowered brows their furrow, and a
smile undone keeps its own. Paint would bring them with the network's blur. Between two pictures of a face, folds are a ratio of
brightness (Liu, Shan & Zhang 2001, "Expressive expression mapping with ratio images"), which is smooth where skin is rough. So
the generator tells that ratio, and the photo's own pixels are multiplied by it at the photo's resolution: they stay sharp.

It is learnt from pairs of one person, between a fine and a coarse scale: finer is how well they lie upon each other, coarser is
the light of the room.
"""

from __future__ import annotations

MOST = 0.45
"""Bound on the natural logarithm of the ratio, by tanh"""
FINE, COARSE = 3, 15
"""Sides of the windows, in cells of half a crop of 128, whose means are the two scales"""
LEAST = 0.006
"""A ratio that differs from 1 by less than this is 1"""
