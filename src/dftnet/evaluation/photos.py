"""The part of the evaluation that looks at whole photos: the background, and the time that an edit takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np

from dftnet.au_sources.source import AUSource
from dftnet.editing.editor import Editor
from dftnet.evaluation.bench import Bench, Measured, Score, Section, decibels, openpeople_pictures
from dftnet.evaluation.methods import Contender, resized
from dftnet.faces.mask import OVERHANG, face_mask
from dftnet.media.image import read_image
from dftnet.metrics import Interval, psnr

REQUEST = {"AU12": 1.0, "AU25": 0.8, "AU26": 0.5, "AU45": 0.8, "AU02": 1.0}
"""An edit that moves everything."""


def background(m: Measured, rival: Contender) -> Section:
    """Whole photos through the editor: what happens outside the face's mask."""
    values = background_psnr(rival, m.judges.estimator.session, m.counts.photos, m.bench)
    whose = np.arange(len(values))
    name = "PSNR outside the face, dB"
    return Section([Score("background", name, "", "higher", decibels(values, whose))] if len(values) else [], {})


def speed(m: Measured, rival: Contender) -> Section:
    """Milliseconds: median, with the 95th percentile of the rounds in `high`."""
    found = milliseconds(rival, m.judges.estimator.session, m.counts.rounds, m.bench)
    name = "{}, ms (median; 95th percentile)"
    return Section([Score("speed", name.format(what), "", "lower", value) for what, value in found.items()], {})


def photos(bench: Bench, count: int) -> list[np.ndarray]:
    """openpeople's portraits; where they are not installed, faces of the bench laid into a larger picture."""
    pictures = [read_image(path) for path in openpeople_pictures("studio_portrait")[:count]]
    if pictures:
        return pictures
    crops = [
        cv2.resize(bench.images[row], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for row in bench.faces[:count]
    ]
    return [
        cv2.copyMakeBorder(c, len(c) // 2, len(c) // 2, len(c) // 2, len(c) // 2, cv2.BORDER_REFLECT) for c in crops
    ]


def background_psnr(rival: Contender, estimator: AUSource, count: int, bench: Bench) -> np.ndarray:
    """dB outside the face's mask, one number a photo in which a face is found; infinite where every pixel is kept."""
    pictures = photos(bench, count)
    if rival.session is None:
        return np.full(len(pictures), np.inf)
    if rival.part != "image":
        return np.zeros(0)
    editor = Editor(rival.session, estimator)
    found = []
    for picture in pictures:
        faces = [face for face in editor.faces(picture) if not face.trouble]
        if faces:
            edited = editor.render(faces[0], REQUEST)
            outside = ~inside(picture, faces[0].crop_from_image, rival.session.size)
            found.append(psnr(picture[outside][None, None], edited[outside][None, None])[0])
    return np.array(found)


def inside(photo: np.ndarray, crop_from_image: np.ndarray, size: int) -> np.ndarray:
    """bool [H, W]: where the face's mask lets an edit reach."""
    pad = round(OVERHANG * size)
    mask = (face_mask(size, pad) > 0).astype(np.float32)
    matrix = crop_from_image.copy()
    matrix[:, 2] += pad
    shape = photo.shape[1::-1]
    reach = cv2.warpAffine(mask, matrix, shape, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=0)
    # the editor samples its maps with a cubic kernel, which reaches two crop pixels further
    wide = 2 * round(2 / max(float(np.hypot(*crop_from_image[0, :2])), 1e-6)) + 3
    return cv2.dilate(reach, np.ones((wide, wide), np.uint8)) > 0


def milliseconds(rival: Contender, estimator: AUSource, rounds: int, bench: Bench) -> dict[str, Interval]:
    """Name → median (value) and 95th percentile (high) of the rounds, warm, on this machine."""
    session = rival.session
    if session is None or rival.part != "image":
        return {}
    k = len(session.au_names)
    crops = resized(bench.images[:16], session.size)
    one, many = crops[:1], np.resize(crops, (16, *crops.shape[1:]))
    aus = np.random.default_rng(0).random((2, 16, k)).astype(np.float32)
    found = {
        "generator, 1 face": _timed(lambda: session(one, aus[0, :1], aus[1, :1]), rounds),
        "generator, a face of 16": _timed(lambda: session(many, aus[0], aus[1]), max(3, rounds // 4), 16),
    }
    picture = photos(bench, 1)
    if picture:
        editor = Editor(session, estimator)
        photo = cv2.resize(picture[0], (512, round(512 * picture[0].shape[0] / picture[0].shape[1])))
        if editor.faces(photo):
            found["detect, read, edit, paste a 512-pixel photo"] = _timed(lambda: editor.edit(photo, REQUEST), rounds)
    return found


def _timed(run: Callable[[], object], rounds: int, share: int = 1) -> Interval:
    times = []
    for turn in range(rounds + 2):
        start = time.perf_counter()
        run()
        if turn >= 2:
            times.append((time.perf_counter() - start) * 1e3 / share)
    low, middle, high = np.percentile(times, [5, 50, 95])
    return Interval(float(middle), float(low), float(high), rounds * share, 1)
