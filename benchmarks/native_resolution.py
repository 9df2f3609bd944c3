"""Sharpness of an edited photo at its own resolution, against pasting the enlarged crop.

    python benchmarks/native_resolution.py PHOTO [--au AU12=0.8] [--model DIR] [--side 1024] [--picture out.png]

Scales the photo so that its largest face's crop covers `--side` photo pixels (0: as it is), edits it both ways and
prints mean absolute Laplacians of the face's skin (inside the mask, away from what is painted) as ratios to the
photo's own, the seconds that compositing takes, and whether all outside the mask is untouched.
"""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np

from dftnet.aus import parse_values
from dftnet.editing.compositing import face_mask
from dftnet.editing.editor import Editor
from dftnet.media import image as media
from dftnet.media.pixels import to_uint8


def sharpness(image: np.ndarray, where: np.ndarray) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F))[where].mean())


def naive_paste(photo: np.ndarray, matrix: np.ndarray, crop: np.ndarray) -> np.ndarray:
    """The edited crop enlarged and pasted as a square, what many editors do."""
    size = photo.shape[1::-1]
    large = cv2.warpAffine(crop, matrix, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    inside = cv2.warpAffine(np.ones(crop.shape[:2], np.uint8), matrix, size, flags=flags)
    return np.where(inside[..., None] > 0, large, photo)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo")
    parser.add_argument("--au", nargs="+", default=["AU12=0.8", "AU25=0.5"])
    parser.add_argument("--model")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--picture")
    options = parser.parse_args()
    editor = Editor.from_pretrained(options.model)
    photo = media.read_image(options.photo)
    face = editor.read(photo)
    if options.side:
        scale = options.side / (editor.generator.size / np.hypot(*face.crop_from_image[0, :2]))
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4
        photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=kind)
        face = editor.read(photo)
    maps = editor.maps(face, parse_values(options.au))
    start = time.perf_counter()
    result = editor.render_maps(face, maps)
    seconds = time.perf_counter() - start
    naive = naive_paste(photo, face.crop_from_image, to_uint8(maps.image[None])[0])

    size, matrix = editor.generator.size, face.crop_from_image
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    mask = cv2.warpAffine(face_mask(size), matrix, photo.shape[1::-1], flags=flags)
    kept = cv2.warpAffine(maps.attention[0], matrix, photo.shape[1::-1], flags=flags)
    skin = (mask > 0.99) & (kept > 0.5)
    own = sharpness(photo, skin)
    changed = (result != photo).any(2)
    reach = round(0.3 * size / np.hypot(*matrix[0, :2]))
    frame = np.array([[-0.5, -0.5], [size, -0.5], [size, size], [-0.5, size]]) - matrix[:, 2]
    corners = frame @ np.linalg.inv(matrix[:, :2]).T
    low, high = corners.min(0).astype(int) - reach, corners.max(0).astype(int) + reach
    outside = changed.copy()
    outside[max(0, low[1]) : high[1], max(0, low[0]) : high[0]] = False
    print(f"photo {photo.shape[1]}x{photo.shape[0]}, face {face.box[2]:.0f}x{face.box[3]:.0f}, {' '.join(options.au)}")
    print(f"sharpness of the skin against the photo's own: edited {sharpness(result, skin) / own:.3f}, ", end="")
    print(
        f"naive paste {sharpness(naive, skin) / own:.3f} (ratio of the two {sharpness(result, skin) / sharpness(naive, skin):.2f})"
    )
    print(f"compositing {seconds:.2f} s; pixels changed {changed.sum()}, far from the face {outside.sum()}")
    if options.picture:
        view = slice(max(0, low[1]), high[1]), slice(max(0, low[0]), high[0])
        media.write_image(options.picture, np.hstack([photo[view], naive[view], result[view]]), overwrite=True)


if __name__ == "__main__":
    main()
