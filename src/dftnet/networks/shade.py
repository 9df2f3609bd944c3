"""The shade of an edit (faces/shade.py), from the units that are asked for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.faces import shade


class MeanShade(nn.Module):
    """exp Σ_k Δ_k·S_k, the ratio of brightness that a unit's folds make on the mean face: [b, K] → [b, 1, size, size].

    S is measured on pairs before a training (training/mean_shade.py), and no loss changes it.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.register_buffer("maps", torch.zeros(units, shade.CELLS, shade.CELLS))
        self.maps: Tensor

    def forward(self, condition: Tensor, size: int) -> Tensor:
        found = (condition.float() @ self.maps.flatten(1)).reshape(-1, 1, shade.CELLS, shade.CELLS)
        found = torch.where(found > 0, shade.BRIGHTER * found, found).clamp(-shade.MOST, shade.MOST)
        return F.interpolate(found, size=(size, size), mode="bilinear", align_corners=False).exp()
