"""From a dataset directory to training batches: pairs of one person, targets for the rest, flips and jitter.

Nothing here keeps random state: the batch at `images_seen` follows from (seed, images_seen) alone, and every process draws the
whole batch and takes its share of it. So a resumed run repeats exactly, and two processes equal one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dftnet.data.dataset import FaceData
from dftnet.data.far import AHEAD, FarPictures
from dftnet.errors import DatasetError, RequestError
from dftnet.training.config import TrainConfig
from dftnet.units import mirror_order

CANDIDATES = 16
"""Pairs of frames looked at for each pair drawn; the one farthest apart is the likeliest"""
STRONG = 0.4
"""An AU at least this strong makes a face an example of it"""
BLOCK = 4096
"""Faces that go to a GPU at once, where all of them stay there"""
Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


@dataclass
class Batch:
    """One batch; images [b, 3, h, w] in [-1, 1], AUs [b, K] in [0, 1]. A teacher that needs more takes a subclass that has it."""

    image: Tensor
    """X_s"""
    aus: Tensor
    """y_s"""
    target: Tensor
    """y_t"""
    true: Tensor
    """Frame b of a pair where `paired`, else the image again"""
    paired: Tensor
    """[b] in {0, 1}"""
    nuisance: Tensor | None = None
    """[b, N], what differs between the frames of a pair beside the AUs and is not edited; None where nobody asks for it"""


class Pairs:
    """Frames (a, b) of one subject in close pose."""

    def __init__(
        self,
        data: FaceData,
        rows: NDArray[np.int64],
        aus: NDArray[np.float32],
        pose: float,
        chances: NDArray[np.float64] | None = None,
    ) -> None:
        """chances [K]: how often each unit is drawn, sum 1; None is equally."""
        self.chances = chances
        _, inverse, counts = np.unique(data.subject[rows], return_inverse=True, return_counts=True)
        order = np.argsort(inverse, kind="stable")
        groups = np.split(rows[order], np.cumsum(counts)[:-1])
        groups = [g for g in groups if len(g) > 1]
        self.sizes = np.array([len(g) for g in groups], np.int64)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.rows = np.concatenate(groups) if groups else np.empty(0, np.int64)
        # how much of a unit a subject has to show: the spread of its frames, times the root of their number
        spread = np.array([aus[g].std(0) * np.sqrt(len(g)) + 1e-3 for g in groups]).reshape(-1, aus.shape[1])
        self.share = np.cumsum(spread, 0) / np.maximum(spread.sum(0), 1e-9)
        self.aus = aus
        self.scale = aus[rows].std(0) + 0.05
        nothing = np.zeros(len(aus), np.float32)
        self.angles = np.nan_to_num(np.stack([data.extras.get(a, nothing) for a in ("yaw", "pitch")], 1))
        self.pose = pose

    def __len__(self) -> int:
        return len(self.sizes)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows (a [count], b [count]), near in pose and far apart in one unit, whose chances do not depend on the set: a blink
        is rare in a video, and is what the eyelids are learnt from."""
        unit = rng.choice(self.aus.shape[1], count, p=self.chances)
        group = (rng.random(count)[None] > self.share[:, unit]).sum(0)
        frame = (rng.random((2, count, CANDIDATES)) * self.sizes[group, None]).astype(np.int64)
        a, b = self.rows[self.starts[group, None] + frame]
        near = np.all(np.abs(self.angles[b] - self.angles[a]) <= self.pose, -1)
        apart = np.abs(self.aus[b] - self.aus[a]) / self.scale
        score = np.take_along_axis(apart, unit[:, None, None], 2)[..., 0] + 0.2 * apart.mean(-1)
        weight = np.cumsum(near * score**2 + 1e-6 * (b == a) + 1e-9, 1)
        chosen = (rng.random(count)[:, None] * weight[:, -1:] > weight).sum(1)
        pick = np.arange(count)
        return a[pick, chosen], b[pick, chosen]


class Targets:
    """y_t for a face without a partner."""

    def __init__(
        self,
        rows: NDArray[np.int64],
        aus: NDArray[np.float32],
        config: TrainConfig,
        chances: NDArray[np.float64] | None = None,
    ) -> None:
        self.rows, self.aus, self.config, self.chances = rows, aus, config, chances
        examples = [rows[aus[rows, k] >= STRONG] for k in range(aus.shape[1])]
        top = max(20, len(rows) // 200)
        self.examples = [e if len(e) >= top else rows[np.argsort(-aus[rows, k])[:top]] for k, e in enumerate(examples)]

    def other_faces(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """The AUs of other training faces plus noise, clamped to [0, 1]: [count, K]."""
        if self.config.balance_aus:
            units = rng.choice(len(self.examples), count, p=self.chances)
            rows = np.array([rng.choice(self.examples[k]) for k in units], np.int64)
        else:
            rows = rng.choice(self.rows, count)
        noise = rng.uniform(-1, 1, (count, self.aus.shape[1])) * self.config.target_noise
        return np.clip(self.aus[rows] + noise, 0, 1).astype(np.float32)

    def few_units(self, rng: np.random.Generator, source: NDArray[np.float32]) -> NDArray[np.float32]:
        """The source's AUs [n, K] with one to three of them set anew: half the time to a strong value, else uniformly."""
        target = source.copy()
        for row in target:
            units = rng.choice(len(row), rng.integers(1, 4), replace=False, p=self.chances)
            low = 0.7 if rng.random() < 0.5 else 0.0
            row[units] = rng.uniform(low, 1, len(units))
        return target

    def draw(self, rng: np.random.Generator, source: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n, K] for sources [n, K]."""
        target = self.other_faces(rng, len(source))
        few = rng.random(len(source)) < self.config.single_share
        return np.where(few[:, None], self.few_units(rng, source), target)


class BatchSource:
    """The batches of one split. Images stay where they are fast: on the GPU if they fit in a third of it, else memory-mapped;
    those of a set at an address are fetched while the batches before them are learnt from."""

    def __init__(
        self,
        data: FaceData,
        config: TrainConfig,
        device: torch.device,
        *,
        split: str = "train",
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.names, self.aus = data.label_set(config.labels)
        """The K units of every batch and of the generator; their levels float32 [n, K]"""
        _check_fit(data, config, len(self.names), world)
        self.config, self.device, self.rank, self.world = config, device, rank, world
        self.swap = mirror_order(self.names)
        self.rows = data.rows(split)
        if not len(self.rows):
            raise DatasetError(f"{data.path} has no faces in its {split} split; prepare more faces")
        self.images = data.pictures()
        self.resident: Tensor | None = None
        if isinstance(self.images, np.ndarray) and self.images.nbytes < _room(device):
            self.resident = _resident(self.images, device)
        self._last, self._expected = -1, -1
        chances = _chances(config, self.names)
        self.pairs = Pairs(data, self.rows, self.aus, config.pair_pose, chances)
        self.targets = Targets(self.rows, self.aus, config, chances)
        self.pair_share = config.pair_share if len(self.pairs) else 0.0
        """Share of a batch that is pairs: none where the split has no person with two frames"""

    def batch(self, images_seen: int, *, all_pairs: bool = False) -> Batch:
        """This process's share of the batch that starts at `images_seen`."""
        config, n = self.config, self.config.batch
        rng = np.random.default_rng([config.seed, images_seen])
        a, b, alone = self._rows(rng, all_pairs)
        self._look_ahead(images_seen, all_pairs)
        source, true = np.concatenate([a, alone]), np.concatenate([b, alone])
        target = np.concatenate([self.aus[b], self.targets.draw(rng, self.aus[alone])])
        flip = rng.random(n) < 0.5
        moved = rng.random(n) < 0.5
        motion = rng.uniform(-1, 1, (n, 4)).astype(np.float32) * config.jitter * moved[:, None]
        own, target = (np.where(flip[:, None], y[:, self.swap], y) for y in (self.aus[source], target))
        mine = slice(self.rank, None, self.world)
        parts = [self.pick(r[mine]) for r in (source, true)]
        image, true_image = (self._move(p, flip[mine], motion[mine]) for p in parts)
        return Batch(
            image=image,
            aus=self._tensor(own[mine]),
            target=self._tensor(target[mine]),
            true=true_image,
            paired=self._tensor((np.arange(n) < len(a)).astype(np.float32)[mine]),
        )

    def _rows(self, rng: np.random.Generator, all_pairs: bool) -> Rows:
        """The frames a and b of the pairs of a whole batch, and its single faces."""
        a, b = self.frames(rng, all_pairs)
        b = np.where(rng.random(len(a)) < self.config.null_share, a, b)
        return a, b, rng.choice(self.rows, self.config.batch - len(a))

    def frames(self, rng: np.random.Generator, all_pairs: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the first and the second frames of the pairs of a batch, or of a batch of nothing else."""
        n = self.config.batch
        paired = n if all_pairs and len(self.pairs) else round(n * self.pair_share)
        return self.pairs.draw(rng, paired) if paired else (np.empty(0, np.int64),) * 2

    def _look_ahead(self, images_seen: int, all_pairs: bool) -> None:
        """Tells pictures that are far away which faces the next batches will show, where batches are asked for in a row."""
        n, before = self.config.batch, self._last
        self._last = images_seen
        if not isinstance(self.images, FarPictures) or images_seen != before + n:
            self._expected = images_seen
            return
        mine = slice(self.rank, None, self.world)
        for start in range(max(self._expected, images_seen) + n, images_seen + AHEAD * n + 1, n):
            a, b, alone = self._rows(np.random.default_rng([self.config.seed, start]), all_pairs)
            self.images.expect(np.concatenate([np.concatenate([frames, alone])[mine] for frames in (a, b)]))
            self._expected = start

    def uniform(self, images_seen: int) -> Tensor:
        """[b] in [0, 1]: the mixing shares of the gradient penalty at this step."""
        rng = np.random.default_rng([self.config.seed, images_seen, 1])
        share = rng.random(self.config.batch, dtype=np.float32)
        return self._tensor(share[self.rank :: self.world])

    def _tensor(self, values: NDArray[np.float32]) -> Tensor:
        return to_device(values.astype(np.float32, copy=False), self.device)

    def pick(self, rows: NDArray[np.int64]) -> Tensor:
        """The images of these rows, [n, 3, h, w] in [-1, 1] on the device."""
        if self.resident is not None:
            images = self.resident[to_device(rows, self.device)]
        else:
            images = to_device(self.images[rows], self.device)
        # the tensor form of media.pixels.to_float
        x = images.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1
        return x.contiguous(memory_format=torch.channels_last)

    def _move(self, images: Tensor, flip: NDArray[np.bool_], motion: NDArray[np.float32]) -> Tensor:
        """Mirror, and move by motion [n, 4] = (shift x, shift y, ln scale, radians), shifts as shares of the size."""
        flips = to_device(flip, self.device)
        images = torch.where(flips[:, None, None, None], images.flip(3), images)
        if not motion.any():
            return images
        m = self._tensor(motion)
        scale, angle = torch.exp(m[:, 2]), m[:, 3]
        cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
        theta = torch.stack([torch.stack([cos, -sin, 2 * m[:, 0]], 1), torch.stack([sin, cos, 2 * m[:, 1]], 1)], 1)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        moved = F.grid_sample(images, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(-1, 1)
        still = to_device(np.asarray(~motion.any(1)), self.device)
        moved = torch.where(still[:, None, None, None], images, moved)
        return moved.contiguous(memory_format=torch.channels_last)


def to_device(values: NDArray[Any], device: torch.device) -> Tensor:
    """A copy of the array on the device, which is not waited for: a GPU fetches it from memory that stays in its place."""
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)


def _room(device: torch.device) -> float:
    """Bytes that a set may take on the device: a third of a GPU, nothing elsewhere."""
    return torch.cuda.get_device_properties(device).total_memory / 3 if device.type == "cuda" else 0.0


def _resident(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """uint8 [n, S, S, 3] on the device; block by block, since they are mapped from a disk."""
    held = torch.empty(images.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(images), BLOCK):
        held[start : start + BLOCK] = torch.from_numpy(np.array(images[start : start + BLOCK])).to(device)
    return held


def has_pairs(data: FaceData, split: str = "train") -> bool:
    """Whether a person has two frames in a split."""
    people = data.subject[data.rows(split)]
    return len(np.unique(people)) < len(people)


def _check_fit(data: FaceData, config: TrainConfig, units: int, world: int) -> None:
    """Size, units and number of processes."""
    if data.size != config.size:
        raise DatasetError(
            f"{data.path} holds {data.size}-pixel faces but the configuration trains at {config.size}; "
            f"open it with FaceData.open(path, {config.size}), or prepare it with --size {config.size}"
        )
    if units != config.generator.au_count:
        raise DatasetError(
            f"the labels {config.labels!r} of {data.path} have {units} Action Units but the configuration "
            f"{config.generator.au_count}; train with --set generator.au_count={units} --set critic.au_count={units}"
        )
    if config.batch % world:
        raise RequestError(f"batch is {config.batch}, which {world} processes cannot share; give a multiple of {world}")


def _chances(config: TrainConfig, names: tuple[str, ...]) -> NDArray[np.float64]:
    """[K], sum 1: how often each unit is drawn. A side's unit (AU45L) that is not named itself follows its whole (AU45)."""
    known = {*names, *(name[:4] for name in names)}
    unknown = [name for name in config.focus if name not in known]
    if unknown:
        raise RequestError(f"focus names {', '.join(unknown)}; the set has {', '.join(names)}")
    wanted = np.array([config.focus.get(name, config.focus.get(name[:4], 1.0)) for name in names])
    return wanted / wanted.sum()
