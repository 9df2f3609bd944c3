"""Batches that a face mesh can teach: pairs of one person brought onto each other, and single faces asked for a few units.

As in `batches`, nothing here keeps random state. The two frames of a pair are brought together by the landmarks that expressions
do not move, so that a jaw that drops does not shrink the head.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dftnet.data.dataset import FaceData
from dftnet.errors import RequestError
from dftnet.faces import globe, lid
from dftnet.faces.align import template_points
from dftnet.faces.drawn import CHANNELS
from dftnet.faces.mesh import (
    GAZE_GAIN,
    IRISES,
    LOWER_LIP,
    UPPER_LIP,
    Array,
    FaceMesh,
    after,
    moved_points,
    similarity_between,
)
from dftnet.networks.light import TURNED
from dftnet.training.batches import Batch, BatchSource, Rows, to_device
from dftnet.training.config import TrainConfig
from dftnet.training.drawn_parts import draw_eyes, draw_mouth, teeth_shown
from dftnet.training.mesh_drawing import draw
from dftnet.training.moved_parts import draw_globes, draw_lids
from dftnet.training.pair_parts import PairParts
from dftnet.training.requests import FewUnits, Undoing
from dftnet.units import TURN_DEGREES

TURN = TURN_DEGREES / TURNED
"""Degrees of yaw or pitch that are 1 as nuisance"""
FAR = 0.07
"""Landmarks whose eyes or mouth lie further than this share of the crop from the alignment's places were not found"""
BACK_KNOWN = 0.25
"""How far Φ is known on the way back: the edit may not have gone as far as the mesh says"""
SHUT_LIPS = 0.15
"""AU25 below which lips touch"""
SEAM = 1 / 36
"""Width of the line between lips that an edit has shut, share of the crop: what it leaves of teeth there would tell of them"""
WHOLE = -1
"""In place of the number of a part: the whole of frame b"""
SHOWN = 0.6
"""A face is drawn more often where an eye is closed or the mouth open at least this far: both have to be undone"""


@dataclass(kw_only=True)
class DrawnBatch(Batch):
    """A batch with what the mesh says of it, on maps of m × m cells."""

    flow: Tensor
    """Φ [b, 2, m, m], pixels"""
    mask: Tensor
    """[b, 1, m, m] in [0, 1]: how far Φ is known"""
    warped: Tensor
    """A [b, 1, m, m]: 0 where there is nothing to warp from"""
    certain: Tensor
    """[b, 1, m, m] in [0, 1]: how far A is known"""
    eyes: Tensor
    """[b, 1, m, m] in [0, 1]: inside the eyes, before or after"""
    mouth: Tensor
    """[b, 7, …]: where the inside of a mouth is that opens (`drawn_parts.draw_mouth`); no pixels where no paint is learnt"""
    opened: Tensor
    """[b, 7, …]: where eyes are that open (`drawn_parts.draw_eyes`); no pixels where no paint is learnt"""
    lids: Tensor
    """[b, 4, …]: where lids are that come down or rise (`moved_parts.draw_lids`); no pixels where no paint is learnt"""
    globes: Tensor
    """[b, 8, …]: where eyes are between lids that move (`moved_parts.draw_globes`); no pixels where no paint is learnt"""
    back: Tensor
    """int64, on the CPU: rows whose `image` is the photo that is asked back, until it is edited (`terms.asked_back`)"""
    seam: Tensor
    """[len(back), 1, S, S] in [0, 1]: where lips that the edit shuts meet"""


@dataclass(kw_only=True)
class Edits:
    """What the edits of a batch are, a row each."""

    first: NDArray[np.int64]
    """[n] the face that is edited"""
    second: NDArray[np.int64]
    """[n] the other frame of a pair; of single faces the same"""
    own: Array
    """[n, K] what it shows"""
    target: Array
    """[n, K] what is asked for"""
    turn: Array
    """[n, 2] yaw and pitch from one frame to the other, in TURN"""
    flip: NDArray[np.bool_]
    """[n] mirrored?"""
    jitter: Array
    """[n, 2, 3] a similarity"""
    paired: NDArray[np.bool_]
    """[n] two frames of one person?"""
    back: NDArray[np.bool_]
    """[n] edited, and asked back to the photo?"""
    whole: NDArray[np.bool_]
    """[n] asked for all that another face shows?"""
    part: NDArray[np.int64]
    """[n] number of the part that is taken of the second frame, or WHOLE"""

    def share(self, mine: slice) -> Edits:
        """Some of them."""
        return Edits(**{name: value[mine] for name, value in vars(self).items()})


class MeshBatchSource(BatchSource):
    """The batches of one split of a dataset with landmarks."""

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
        super().__init__(data, config, device, split=split, rank=rank, world=world)
        self.landmarks = data.mesh()
        self.mesh = FaceMesh.load(config.mesh, self.names)
        self.size = data.size
        self.rows = self.rows[self._found(self.rows)]
        if not len(self.rows):
            raise RequestError(f"{data.path} has no face whose landmarks lie on it; read them again")
        self.few = FewUnits(self.names, config.focus)
        self.undoing = Undoing(self.names)
        self.parts = PairParts(self.names, self.size)
        nothing = np.zeros(len(data), np.float32)
        turn = np.stack([data.extras.get(a, nothing) for a in ("yaw", "pitch")], 1)
        self.turn = np.nan_to_num(turn).astype(np.float32) / TURN
        self.special = [self._showing("AU45"), self._showing("AU25", "AU26")]
        self._pool = ThreadPoolExecutor(1)
        self._ahead: tuple[tuple[int, bool], Future[Batch]] | None = None

    def _showing(self, *units: str) -> NDArray[np.int64]:
        """The rows that show one of the units."""
        columns = [k for k, name in enumerate(self.names) if name[:4] in units]
        if not columns:
            return self.rows[:0]
        return self.rows[self.aus[self.rows][:, columns].max(1) > SHOWN]

    def _found(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the landmarks of these rows lie on the face."""
        points = self.landmarks[rows]
        seen = np.stack([points[:, 468], points[:, 473], points[:, [61, 291]].mean(1)], 1)
        return np.abs(seen - template_points(self.size)).max((1, 2)) < FAR * self.size

    def batch(self, images_seen: int, *, all_pairs: bool = False) -> Batch:
        """This process's share of the batch that starts at `images_seen`; the next one is drawn meanwhile."""
        asked = (images_seen, all_pairs)
        ready, self._ahead = self._ahead, None
        made = ready[1].result() if ready is not None and ready[0] == asked else self._drawn(*asked)
        after_this = (images_seen + self.config.batch, all_pairs)
        self._ahead = (after_this, self._pool.submit(self._drawn, *after_this))
        return made

    def _drawn(self, images_seen: int, all_pairs: bool) -> Batch:
        config, n = self.config, self.config.batch
        rng = np.random.default_rng([config.seed, images_seen])
        a, b, alone = self._rows(rng, all_pairs)
        self._look_ahead(images_seen, all_pairs)
        source, other = np.concatenate([a, alone]), np.concatenate([b, alone])
        others = self.targets.other_faces(rng, len(alone))
        few = self.few.draw(rng, self.aus[alone])
        whole = rng.random(len(alone)) >= config.single_share
        asked = np.where(whole[:, None], others, few)
        learns_paint = not config.phase_at(images_seen).warp_only
        back = round(len(alone) * config.back_share) if learns_paint and not all_pairs else 0
        asked[:back] = self.undoing.draw(rng, self.aus[alone[:back]], asked[:back])
        own, target = self.aus[source], np.concatenate([self.aus[b], asked])
        turn = self.turn[other] - self.turn[source]
        flip, motions = rng.random(n) < 0.5, self._motions(rng, n)
        part = rng.integers(len(self.parts.parts), size=n)
        part[(rng.random(n) >= config.part_share) | (np.arange(n) >= len(a)) | all_pairs] = WHOLE
        kind = np.arange(n) - len(a)  # below 0 pairs, then the faces that are asked back
        edits = Edits(
            first=source, second=other, own=own, target=target, turn=turn, flip=flip, jitter=motions, paired=kind < 0,
            back=(kind >= 0) & (kind < back), whole=np.concatenate([kind[: len(a)] >= 0, whole]), part=part,
        )  # fmt: skip
        return self._assemble(edits.share(slice(self.rank, None, self.world)), learns_paint)

    def _rows(self, rng: np.random.Generator, all_pairs: bool) -> Rows:
        a, b = self.frames(rng, all_pairs)
        return a, b, self._alone(rng, self.config.batch - len(a))

    def _alone(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Rows of single faces, a tenth of them with closed eyes and a tenth with an open mouth."""
        alone = rng.choice(self.rows, count)
        for special in self.special:
            often = rng.random(count) < 0.1
            if len(special):
                alone = np.where(often, rng.choice(special, count), alone)
        return alone

    def _motions(self, rng: np.random.Generator, n: int) -> Array:
        """Random similarities [n, 2, 3] about the crop's centre, half of them the identity."""
        m = rng.uniform(-1, 1, (n, 4)) * self.config.jitter * (rng.random((n, 1)) < 0.5)
        scale, angle = np.exp(m[:, 2]), m[:, 3]
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        turn = np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1)
        centre = np.full(2, (self.size - 1) / 2)
        shift = centre - turn @ centre + m[:, :2] * self.size
        return np.concatenate([turn, shift[:, :, None]], 2).astype(np.float32)

    def _assemble(self, edits: Edits, learns_paint: bool) -> DrawnBatch:
        """Images and landmarks moved together, the second frame brought onto the first, or a part of it; what is asked of single
        faces drawn, and of those that are asked back the way back; where paint is learnt, the parts that open."""
        first, second, flip, jitter, paired, back = (
            edits.first, edits.second, edits.flip, edits.jitter, edits.paired, edits.back,
        )  # fmt: skip
        own, target, turn, part = edits.own, edits.target, edits.turn, edits.part.copy()
        s, t = self.landmarks[first], self.landmarks[second]
        onto = np.repeat(np.eye(2, 3, dtype=np.float32)[None], len(first), 0)
        still = self.mesh.still
        onto[paired] = similarity_between(t[paired][:, still], s[paired][:, still])
        mirror = np.array([[-1, 0, self.size - 1], [0, 1, 0]], np.float32)
        motions = np.where(flip[:, None, None], after(jitter, np.repeat(mirror[None], len(first), 0)), jitter)
        both = after(motions, onto)
        s, t = (
            np.where(flip[:, None, None], p[:, self.mesh.mirror], p)
            for p in (moved_points(motions, s), moved_points(both, t))
        )
        own, target = (np.where(flip[:, None], y[:, self.swap], y).astype(np.float32) for y in (own, target))
        turn = np.where(flip[:, None], turn * np.array([-1, 1], np.float32), turn)
        alone = ~paired
        t[alone] = self.mesh.targets(s[alone], own[alone], target[alone], edits.whole[alone])
        for i in np.flatnonzero(part != WHOLE):
            if not self.parts.fits(part[i], target[i] - own[i], turn[i]):
                part[i] = WHOLE
                continue
            target[i] = self.parts.levels(part[i], own[i], target[i])
            t[i] = self.parts.landmarks(part[i], s[i], t[i])
            turn[i] = 0
        s, t = (np.where(back[:, None, None], x, y) for x, y in ((t, s), (s, t)))
        own, target = (np.where(back[:, None], x, y) for x, y in ((target, own), (own, target)))
        drawing = draw(s, t, self.mesh.triangles, self.size, self.size // 2)
        drawing.mask[back] *= BACK_KNOWN
        image = np.stack([_moved(crop, m) for crop, m in zip(self.images[first], motions, strict=True)])
        true = image.copy()
        for i, crop in zip(np.flatnonzero(paired), self.images[second[paired]], strict=True):
            true[i] = _moved(crop, both[i])
            if part[i] != WHOLE:
                true[i] = self.parts.image(part[i], image[i], true[i])
        mouth = opened = np.zeros((len(s), CHANNELS, 0, 0), np.float32)
        lids, globes = mouth[:, : lid.CHANNELS + 1], np.zeros((len(s), globe.CHANNELS, 0, 0), np.float32)
        if learns_paint:
            shown = teeth_shown(target, self.names)
            mouth = np.stack([draw_mouth(*one) for one in zip(image, s, t, shown, strict=True)])
            opened = np.stack([draw_eyes(*one) for one in zip(image, s, t, paired | back, strict=True)])
            lids = np.stack([draw_lids(*one, self.size) for one in zip(s, t, strict=True)])
            edited = np.where(back[:, None, None], t + (s - t) / GAZE_GAIN, s)
            s[:, IRISES] = edited[:, IRISES]
            globes = np.stack([draw_globes(*one, size=self.size) for one in zip(s, t, paired | back, strict=True)])
        return DrawnBatch(
            image=self._pixels(image),
            mouth=self._tensor(mouth),
            opened=self._tensor(opened),
            lids=self._tensor(lids),
            globes=self._tensor(globes),
            aus=self._tensor(own),
            target=self._tensor(target),
            true=self._pixels(true),
            paired=self._tensor((paired | back).astype(np.float32)),
            back=torch.from_numpy(np.flatnonzero(back)),
            seam=self._tensor(self._seams(s[back], own[back], target[back])),
            nuisance=self._tensor(turn),
            **{name: self._tensor(value) for name, value in drawing._asdict().items()},
        )

    def _seams(self, landmarks: Array, own: Array, target: Array) -> Array:
        """[n, 1, S, S]: a soft line where the lips meet of faces that AU25 leaves, levels [n, K]; nothing of the others."""
        seams = np.zeros((len(landmarks), self.size, self.size), np.float32)
        lips = self.names.index("AU25") if "AU25" in self.names else None
        for seam, points, shut, opened in zip(seams, landmarks, own, target, strict=True):
            if lips is not None and shut[lips] < SHUT_LIPS < opened[lips]:
                line = np.concatenate([points[[78]], (points[UPPER_LIP] + points[LOWER_LIP]) / 2, points[[308]]])
                fixed = np.round(line * 16).astype(np.int32)
                cv2.polylines(seam, [fixed], False, 1.0, round(SEAM * self.size), cv2.LINE_AA, 4)
                cv2.GaussianBlur(seam, (0, 0), SEAM * self.size / 3, seam)
        return seams[:, None]

    def _pixels(self, images: NDArray[np.uint8]) -> Tensor:
        """uint8 [n, S, S, 3] → [n, 3, S, S] in [-1, 1] on the device."""
        x = to_device(images, self.device).permute(0, 3, 1, 2).float() / 127.5 - 1
        return x.contiguous(memory_format=torch.channels_last)


def open_source(
    data: FaceData,
    config: TrainConfig,
    device: torch.device,
    *,
    split: str = "train",
    rank: int = 0,
    world: int = 1,
) -> BatchSource:
    """The batches that a configuration wants: with what a mesh draws where it names one."""
    kind = MeshBatchSource if config.mesh else BatchSource
    return kind(data, config, device, split=split, rank=rank, world=world)


def _moved(image: NDArray[np.uint8], matrix: Array) -> NDArray[np.uint8]:
    """uint8 [S, S, 3] moved by an affine matrix; a mirror alone, or nothing, keeps every pixel."""
    if np.array_equal(matrix[1], [0, 1, 0]) and matrix[0, 1] == 0 and abs(matrix[0, 0]) == 1:
        return np.asarray(image if matrix[0, 0] > 0 else image[:, ::-1])
    size = len(image)
    moved = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)
