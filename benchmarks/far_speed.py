"""How fast faces come from a set at an address: a web server on this machine that answers each request after --delay milliseconds.

    pip install -e ".[app,cloud]" aiohttp
    OMP_NUM_THREADS=1 python benchmarks/far_speed.py set128 --delay 30

Batches of random rows are expected as a training expects them, eight ahead, and taken as fast as they come. Beside it: the same
from the disk's decoded copy, and CPU seconds a face of both (the server is another process).
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from dftnet.data.dataset import FaceData
from dftnet.data.far import AHEAD, FarPictures, open_faces


def serve(folder: Path, port: int, delay: float) -> None:
    """The folder with a list of its files, each answer late."""

    async def listed(request: Request) -> Response:
        names = [path.name for path in sorted(folder.iterdir()) if path.is_file()]
        return HTMLResponse("".join(f'<a href="/set/{name}">{name}</a>' for name in names))

    async def file(request: Request) -> Response:
        await asyncio.sleep(delay)
        return FileResponse(folder / request.path_params["name"])

    routes = [Route("/set", listed), Route("/set/", listed), Route("/set/{name}", file)]
    uvicorn.run(Starlette(routes=routes), port=port, log_level="error")


def pace(take: Callable[[np.ndarray], object], batches: list[np.ndarray], expect: Callable[[np.ndarray], None]) -> str:
    """Faces a second and CPU time a face."""
    for rows in batches[:AHEAD]:
        expect(rows)
    wall, cpu = time.perf_counter(), time.process_time()
    for place, rows in enumerate(batches):
        if place + AHEAD < len(batches):
            expect(batches[place + AHEAD])
        take(rows)
    faces = sum(map(len, batches))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return f"{faces / wall:.0f} faces a second, {cpu / faces * 1e3:.2f} ms of CPU a face"


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--delay", type=float, default=30)
    parser.add_argument("--batch", type=int, default=32, help="faces of a batch: 16 images, and the frames beside them")
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--port", type=int, default=8786)
    arguments = parser.parse_args()
    server = multiprocessing.get_context("spawn").Process(
        target=partial(serve, arguments.data, arguments.port, arguments.delay / 1e3), daemon=True
    )
    server.start()
    time.sleep(5)
    near = FaceData.open(arguments.data)
    rng = np.random.default_rng(0)
    batches = [rng.choice(len(near), arguments.batch, replace=False) for _ in range(arguments.batches)]
    far = open_faces(f"http://127.0.0.1:{arguments.port}/set")
    pictures = far.pictures()
    assert isinstance(pictures, FarPictures)
    before = time.perf_counter()
    first = pictures[batches[0]]
    print(
        f"first batch after {time.perf_counter() - before:.1f} s, extents {'noted' if near.extent is not None else 'found'}"
    )
    print(f"{arguments.delay:g} ms away: {pace(pictures.__getitem__, batches, pictures.expect)}")
    if (near.path / "cache").exists():
        images = near.images()
        assert np.array_equal(first, images[batches[0]])
        print(f"on the disk, decoded: {pace(images.__getitem__, batches, lambda rows: None)}")
    server.terminate()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        main()
