"""A face mesh that knows anatomy: landmarks of a face + a change of units → where the landmarks go.

    symbol  name        shape          what
    s       landmarks   [n, 478, 2]    MediaPipe's landmarks of an aligned crop, in its pixels (468 of the mesh, 10 of the irises)
    V       vertices    [468, 3]       the canonical face, cm; x to the person's left, y up, z to the camera
    P       cameras     [n, 2, 3]      least squares of s ≈ P·V + c over the landmarks that expressions hardly move
    D       basis       [K, 468, 3]    how far each vertex moves when a unit goes from 0 to 1, cm
    Δ       change      [n, K]         y_t - y_s
    t       targets     [n, 478, 2]    t = s + P · Σ_k Δ_k D_k; lids by the pairs of their landmarks, irises by eye widths

Convention: pixel centres at integers, x to the right, y down; right and left are the person's. NumPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dftnet.errors import RequestError
from dftnet.faces.mask import smooth_step
from dftnet.units import whole_unit

Array = NDArray[np.float32]

UNIT_SHAPES: dict[str, dict[str, float]] = {
    "AU01": {"browInnerUp": 1.3},
    "AU02": {"browOuterUp": 1.0},
    "AU04": {"browDown": 1.8},
    "AU05": {"eyeWide": 1.3},
    "AU06": {"cheekSquint": 2.4},
    "AU07": {"eyeSquint": 3.1},
    "AU09": {"noseSneer": 0.8},
    "AU10": {"mouthUpperUp": 1.45},
    "AU12": {"mouthSmile": 1.15},
    "AU14": {"mouthDimple": 2.3},
    "AU15": {"mouthFrown": 2.0},
    "AU17": {"mouthShrugLower": 2.2},
    "AU20": {"mouthStretch": 1.6},
    "AU23": {"mouthPress_L": 2.4, "mouthPress_R": 2.4},
    "AU25": {"mouthLowerDown_L": 1.5, "mouthLowerDown_R": 1.5, "mouthUpperUp_L": 0.9, "mouthUpperUp_R": 0.9},
    "AU26": {"jawOpen": 0.65},
    "AU18": {"mouthPucker": 1.3},
    "AU22": {"mouthFunnel": 1.2},
    "AU28": {"mouthRollLower": 1.1, "mouthRollUpper": 1.1},
    "AU30L": {"jawLeft": 1.9},
    "AU30R": {"jawRight": 1.9},
    "AU34": {"cheekPuff_L": 1.5, "cheekPuff_R": 1.5},
}
"""Unit → shape → gain: how much of it is the strongest natural expression. Of a unit with sides the shape has a `_L` and a `_R`.
Chosen so that neutral photos warped by the mesh alone move MediaPipe's own blendshape by about .3 (brows, upper lip, stretch), .65
(smile), .45 (chin, jaw), and look like people (docs/results.md)."""

SHOWN_SHARE = {
    "AU01": 0.6, "AU02": 0.8, "AU04": 0.6, "AU05": 0.2, "AU06": 0.2, "AU07": 0.3, "AU09": 0.35, "AU10": 0.2, "AU12": 0.6,
    "AU14": 0.4, "AU15": 0.2, "AU17": 0.4, "AU18": 0.45, "AU20": 0.6, "AU22": 0.3, "AU23": 0.2, "AU25": 0.55, "AU26": 0.85,
    "AU28": 0.3, "AU30L": 0.5, "AU30R": 0.5, "AU34": 0.5,
}  # fmt: skip
"""Unit → how much of its shape is there, on average, where a face shows it at 1 among others: least squares over 2,500 pairs of one
person, all units at once. So the shapes explain 45 % of how landmarks move between two frames, with 1 for all nothing"""

# How real faces move otherwise than the shapes: NOSE_SHARE, KNIT and LID_FOLLOWS are after least squares over 8,000 pairs of one
# person, all units at once (benchmarks/real_motion.py).
NOSE = (0.0, -0.7, 1.9, 1.5)
"""The wings of the nose and what is between them: an ellipse of the canonical face, its middle and half its sides, cm"""
NOSE_SHARE, BESIDE_NOSE = 0.4, 1.8
"""How much of what the shapes of mouth and cheeks do to the nose it really does, and how many times as far from its middle all of
it. Measured: AU12 widens a nose by .35 cm at 1 and its shape by .72, AU06 by .1 (.4), AU10 by .08 (.65), AU25 by .13 (.4), AU20
by .1 (.44), AU14 by nothing (.59), and lifts its wings by a third of what the shapes do"""
MOVES_NOSE = ("AU06", "AU10", "AU12", "AU14", "AU20", "AU25")
KNIT = 0.3
"""How much of the way that AU04's shape takes brows towards each other they go: .2 cm of their inner ends, not .65"""
LID_FOLLOWS = {"AU01": 0.32, "AU02": 0.32, "AU04": 0.42}
"""Unit → share of a brow's way up or down that the skin above the lid goes too; the shapes leave it where it is, and squeeze the
lower half of a brow that comes down"""
LOWER_BROWS = np.array([[46, 53, 52, 65, 55], [276, 283, 282, 295, 285]])
"""Right eye, left eye: the lower edge of the brow"""

GAZE = {"AU61": (0.20, 0.0), "AU62": (-0.20, 0.0), "AU63": (0.0, -0.10), "AU64": (0.0, 0.10)}
"""Unit → motion of the irises at 1, in widths of the eye, (along the eye to the right of the image, down)"""
GAZE_GAIN = 1.6
"""How much further a teacher moves them: a network does about half of what it is shown of something so small"""

UPPER_LIDS = np.array([[246, 161, 160, 159, 158, 157, 173], [466, 388, 387, 386, 385, 384, 398]])
LOWER_LIDS = np.array([[7, 163, 144, 145, 153, 154, 155], [249, 390, 373, 374, 380, 381, 382]])
ABOVE_LIDS = np.array([[247, 30, 29, 27, 28, 56, 190], [467, 260, 259, 257, 258, 286, 414]])
"""Right eye, left eye: the upper lid's landmarks, their partners on the lower lid, and the skin above the upper lid"""
EYE_CORNERS = np.array([[33, 133], [362, 263]])
"""Right eye, left eye: the corner to the left and the one to the right in the image"""
IRISES = np.array([[468, 469, 470, 471, 472], [473, 474, 475, 476, 477]])
"""Right eye, left eye: centre of the iris and four points of its rim"""
UPPER_LIP = np.array([191, 80, 81, 82, 13, 312, 311, 310, 415])
LOWER_LIP = np.array([95, 88, 178, 87, 14, 317, 402, 318, 324])
"""The lips' inner edge, landmark and partner"""
LIPS = (
    (np.array([185, 40, 39, 37, 0, 267, 269, 270, 409]), np.array([146, 91, 181, 84, 17, 314, 405, 321, 375]), 0.5),
    (np.array([184, 74, 73, 72, 11, 302, 303, 304, 408]), np.array([77, 90, 180, 85, 16, 315, 404, 320, 307]), 0.65),
    (np.array([183, 42, 41, 38, 12, 268, 271, 272, 407]), np.array([96, 89, 179, 86, 15, 316, 403, 319, 325]), 0.8),
    (UPPER_LIP, LOWER_LIP, 1.0),
)
"""The lips from their outer edge to the inner one: landmarks of the upper and the lower lip, and how much of the way together they
go where a mouth closes"""
LOWER_CLOSES = 0.6
"""Share of that way that the lower lip goes"""
MOUTH_RING = np.array([78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95])
EYE_RINGS = (
    np.array([33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]),
    np.array([263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249]),
)
"""Rings of the openings: mouth; right and left eye"""
SKIN_FOLLOWS, GOES_ALONG = 0.2, 0.35
"""Share of the upper lid's motion that the skin above it makes too, where it comes down, and where it rises: .19 and .43 of pairs
whose brow is still; less of one that rises, since AU05 at 1 takes it further (4 mm) than all but a thousandth do (3.3)"""
LOWER_RISES = 0.1
"""Share of the way to the other lid that the lower one goes when an eye closes"""
STILL = 0.12
"""A vertex that no shape moves further than this many cm is still: the head is known by it"""


@dataclass(frozen=True)
class FaceMesh:
    """The canonical face and its expression shapes, prepared for the units `names`."""

    names: tuple[str, ...]
    """The K units."""
    vertices: Array
    """V [468, 3]"""
    triangles: NDArray[np.int64]
    """[898, 3]"""
    mirror: NDArray[np.int64]
    """[478]: each landmark's mirror image, irises included"""
    basis: Array
    """D [K, 468 · 3]"""
    shown: Array
    """[K]: `SHOWN_SHARE` of the units, 1 of lids and gaze"""
    still: NDArray[np.int64]
    """The landmarks that expressions hardly move."""
    fit: Array
    """[4, len(still)]: least squares from the still landmarks to (P, c)"""

    @classmethod
    def load(cls, path: str | Path, names: Sequence[str]) -> FaceMesh:
        """From facs-mesh.npz: vertices, triangles, names, shapes, mirror. Raises RequestError for a file that is no such mesh,
        FileNotFoundError where there is none."""
        parts, shapes = _read(Path(path))
        wanted = {shape for name in names for shape in _shapes_of(name)}
        if absent := sorted(wanted - shapes.keys()):
            raise RequestError(f"the face mesh {path} lacks the shapes {', '.join(absent)}", field="mesh")
        basis = np.zeros((len(names), 468, 3), np.float32)
        for row, name in enumerate(names):
            for shape, gain in _shapes_of(name).items():
                basis[row] += gain * shapes[shape]
        _as_in_photos(basis, names, parts["vertices"])
        reach = np.max([np.linalg.norm(s, axis=1) for n, s in shapes.items() if not n.startswith("eyeLook")], 0)
        still = np.flatnonzero(reach < STILL)
        vertices = parts["vertices"].astype(np.float32)
        ones = np.hstack([vertices[still], np.ones((len(still), 1), np.float32)])
        return cls(
            names=tuple(names),
            vertices=vertices,
            triangles=parts["triangles"].astype(np.int64),
            mirror=np.concatenate([parts["mirror"].astype(np.int64), IRISES[1], IRISES[0]]),
            basis=basis.reshape(len(names), -1),
            shown=np.array([SHOWN_SHARE.get(whole_unit(name), 1.0) for name in names], np.float32),
            still=still,
            fit=np.linalg.pinv(ones).astype(np.float32),
        )

    def cameras(self, landmarks: Array) -> Array:
        """P [n, 2, 3] of landmarks [n, 478, 2]: pixels a cm of the canonical face, by its axes."""
        return np.einsum("ks,nsd->ndk", self.fit, landmarks[:, self.still])[:, :, :3]

    def targets(self, landmarks: Array, source: Array, target: Array, whole: NDArray[np.bool_] | None = None) -> Array:
        """t [n, 478, 2] of landmarks s [n, 478, 2] and levels y_s, y_t [n, K].

        What a face shows is undone by as much as is there of it (`SHOWN_SHARE`). Of those that are asked for all that another
        face shows, `whole` [n], what is more comes by the root of it: midway between what is there and what the unit alone is.
        """
        change = target - source
        shut = self._shut(source, change)
        towards = np.ones_like(change) if whole is None else np.where(whole[:, None], np.sqrt(self.shown), 1)
        change = change * np.where(change < 0, self.shown, towards)
        camera = self.cameras(landmarks)
        change = self._closable(landmarks, camera, change)
        motion = (change @ self.basis).reshape(len(change), 468, 3)
        moved = landmarks.copy()
        moved[:, :468] += np.einsum("ndk,nvk->nvd", camera, motion)
        for side, name in enumerate(("AU45R", "AU45L")):
            if name in self.names:
                k = self.names.index(name)
                self._lid(moved, camera, side, source[:, k], change[:, k])
        way = shut * (moved[:, LOWER_LIP] - moved[:, UPPER_LIP])
        for upper, lower, share in LIPS:
            moved[:, upper] += (1 - LOWER_CLOSES) * share * way
            moved[:, lower] -= LOWER_CLOSES * share * way
        self._part(moved, camera)
        self._turn_eyes(moved, landmarks, change)
        return moved

    def _shut(self, source: Array, change: Array) -> Array:
        """[n, 1, 1] in [0, 1]: how far open lips are to be shut, which AU25 = 0 says in full; levels and their change [n, K]."""
        if "AU25" not in self.names:
            return np.zeros((len(source), 1, 1), np.float32)
        k = self.names.index("AU25")
        opened = np.clip((source[:, k] - 0.1) / 0.2, 0, 1)
        return (opened * np.clip(-change[:, k] / np.maximum(source[:, k], 0.05), 0, 1))[:, None, None]

    def _closable(self, landmarks: Array, camera: Array, change: Array) -> Array:
        """The change with the closing of the mouth limited to what there is to close."""
        wanted = [self.names.index(n) for n in ("AU25", "AU26") if n in self.names]
        down = camera @ (self.vertices[14] - self.vertices[13])
        length = np.linalg.norm(down, axis=1, keepdims=True)
        down = down / np.maximum(length, 1e-6)
        gap = ((landmarks[:, 14] - landmarks[:, 13]) * down).sum(1)
        basis = self.basis.reshape(-1, 468, 3)[wanted]
        opening = np.einsum("nd,ndk,uk->nu", down, camera, basis[:, 14] - basis[:, 13])
        closing = (np.minimum(change[:, wanted], 0) * opening).sum(1)
        share = np.clip(gap / np.maximum(-closing, 1e-6), 0, 1)[:, None]
        limited = change.copy()
        part = change[:, wanted]
        limited[:, wanted] = np.where(part < 0, part * share, part)
        return limited

    def _lid(self, moved: Array, camera: Array, side: int, source: Array, change: Array) -> None:
        """Close or open one eye, in place; source, change [n] of its AU45."""
        upper, lower, above = UPPER_LIDS[side], LOWER_LIDS[side], ABOVE_LIDS[side]
        closing = np.clip(change / np.maximum(1 - source, 0.05), 0, 1)[:, None, None]
        canonical = np.einsum("ndk,vk->nvd", camera, self.vertices[upper] - self.vertices[lower])
        opening = np.clip(-change, 0, 1)[:, None, None] * canonical
        way = moved[:, lower] - moved[:, upper]
        motion = (1 - LOWER_RISES) * closing * way + opening
        moved[:, lower] -= LOWER_RISES * closing * way
        moved[:, upper] += motion
        moved[:, above] += SKIN_FOLLOWS * motion

    def _part(self, moved: Array, camera: Array) -> None:
        """Lids and lips that crossed meet halfway, in place."""
        for upper, lower in ((UPPER_LIDS[0], LOWER_LIDS[0]), (UPPER_LIDS[1], LOWER_LIDS[1]), (UPPER_LIP, LOWER_LIP)):
            way = moved[:, lower] - moved[:, upper]
            down = -camera[:, None, :, 1]
            crossed = (way * down).sum(-1, keepdims=True) < 0
            middle = (moved[:, lower] + moved[:, upper]) / 2
            moved[:, upper] = np.where(crossed, middle, moved[:, upper])
            moved[:, lower] = np.where(crossed, middle, moved[:, lower])

    def _turn_eyes(self, moved: Array, landmarks: Array, change: Array) -> None:
        """Move the irises by the change of gaze, in place."""
        motion = np.zeros((len(change), 2), np.float32)
        for name, (along, down) in GAZE.items():
            if name in self.names:
                motion += GAZE_GAIN * change[:, [self.names.index(name)]] * np.array([along, down], np.float32)
        for (start, end), iris in zip(EYE_CORNERS, IRISES, strict=True):
            axis = landmarks[:, end] - landmarks[:, start]
            across = np.stack([-axis[:, 1], axis[:, 0]], 1)
            step = motion[:, [0]] * axis + motion[:, [1]] * across
            moved[:, iris] = landmarks[:, iris] + step[:, None]


def _as_in_photos(basis: Array, names: Sequence[str], vertices: np.ndarray) -> None:
    """Mend, in place, where real faces move otherwise than the shapes: basis [K, 468, 3], vertices [468, 3]."""
    x, y, half_width, half_height = NOSE
    away = np.hypot((vertices[:, 0] - x) / half_width, (vertices[:, 1] - y) / half_height)
    nose = NOSE_SHARE + (1 - NOSE_SHARE) * smooth_step((away - 1) / (BESIDE_NOSE - 1))
    for shape, unit in zip(basis, map(whole_unit, names), strict=True):
        if unit in MOVES_NOSE:
            shape *= nose[:, None]
        if unit == "AU04":
            shape[:, 0] *= KNIT
        if unit == "AU05":
            shape[_above_lids(vertices)] *= GOES_ALONG
        for above, brow in zip(ABOVE_LIDS, LOWER_BROWS, strict=True):
            if unit in LID_FOLLOWS:
                order = brow[np.argsort(vertices[brow, 0])]
                way = np.interp(vertices[above, 0], vertices[order, 0], shape[order, 1])
                shape[above, 1] = LID_FOLLOWS[unit] * way


def _above_lids(vertices: np.ndarray) -> NDArray[np.bool_]:
    """Which of the vertices [468, 3] are skin above an upper lid, as wide as the eye and up to the brow."""
    found = np.zeros(len(vertices), bool)
    for lids, (first, last) in zip(UPPER_LIDS, EYE_CORNERS, strict=True):
        border = lids[np.argsort(vertices[lids, 0])]
        left, right = np.sort(vertices[[first, last], 0])
        over = vertices[:, 1] - np.interp(vertices[:, 0], vertices[border, 0], vertices[border, 1])
        found |= (vertices[:, 0] > left) & (vertices[:, 0] < right) & (over > 0)
    found[UPPER_LIDS] = False
    return found


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Array]]:
    """The arrays of a mesh file, and its shapes by name, float32 [468, 3] each."""
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no face mesh {path}; name one with --mesh FILE, in a training --set mesh=FILE "
            "(docs/data-format.md says what is in it)"
        )
    with np.load(path, allow_pickle=False) as file:
        parts = {name: file[name] for name in file.files}
    absent = [name for name in ("vertices", "triangles", "names", "shapes", "mirror") if name not in parts]
    if absent or parts["vertices"].shape != (468, 3) or len(parts["names"]) != len(parts["shapes"]):
        what = f"lacks {', '.join(absent)}" if absent else "has not 468 vertices and as many names as shapes"
        raise RequestError(
            f"{path} {what}, so it is no face mesh (docs/data-format.md says what is in one)", field="mesh"
        )
    return parts, dict(zip(parts["names"].tolist(), parts["shapes"].astype(np.float32), strict=True))


def _shapes_of(name: str) -> dict[str, float]:
    """{shape: gain} of a unit, {} for lids and gaze."""
    base = whole_unit(name)
    shapes = UNIT_SHAPES.get(base, {})
    return shapes if base == name else {f"{shape}_{name[-1]}": gain for shape, gain in shapes.items()}


def similarity_between(points: Array, onto: Array) -> Array:
    """Least-squares similarities [n, 2, 3] that take points [n, v, 2] onto others [n, v, 2]."""
    p, q = points.mean(1), onto.mean(1)
    a, b = points - p[:, None], onto - q[:, None]
    spread = np.maximum((a * a).sum((1, 2)), 1e-6)
    c = (a * b).sum((1, 2)) / spread
    s = (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(1) / spread
    turn = np.stack([np.stack([c, -s], 1), np.stack([s, c], 1)], 1)
    return np.concatenate([turn, (q - np.einsum("nij,nj->ni", turn, p))[:, :, None]], 2).astype(np.float32)


def moved_points(matrices: Array, points: Array) -> Array:
    """Points [n, v, 2] moved by affine matrices [n, 2, 3]."""
    return np.einsum("nij,nvj->nvi", matrices[:, :, :2], points) + matrices[:, None, :, 2]


def after(second: Array, first: Array) -> Array:
    """Affine matrices [n, 2, 3] that do the first, then the second."""
    offset = np.einsum("nij,nj->ni", second[:, :, :2], first[:, :, 2]) + second[:, :, 2]
    return np.concatenate([second[:, :, :2] @ first[:, :, :2], offset[:, :, None]], 2).astype(np.float32)
