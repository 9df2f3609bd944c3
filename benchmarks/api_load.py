"""The HTTP API under load, bounded and on this machine only: 32 clients with three edits each, one and two workers.

    pip install -e ".[app]" httpx
    python benchmarks/api_load.py

Who is answered 503 comes back after Retry-After (sooner or later by half, so that not all come at once). Checked: all 96 are
served, no other status than 200 and 503 is seen, the bytes are those of the editor, every worker served, and /ready answers
within 200 ms all the while. Then with two workers one is killed in the middle: those whose connection breaks ask again, and
all are served still.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import random
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np

from dftnet import Editor, Request, open_photo

PHOTO = Path(__file__).parent.parent / "src" / "dftnet" / "app" / "page" / "sample.jpg"
LEVELS = (0.2, 0.5, 0.8)
LONGEST = 240
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing is encrypted here; without one every client makes its own, which takes longer than an edit."""


class Load:
    """What was seen."""

    def __init__(self, url: str, wanted: dict[float, bytes]) -> None:
        self.url, self.wanted = url, wanted
        self.times: list[float] = []
        self.statuses: dict[int, int] = {}
        self.workers: dict[str, int] = {}
        self.ready: list[float] = []
        self.broken = 0
        self.different = 0

    async def client(self, number: int) -> None:
        """Three edits, one after the other."""
        for level in LEVELS:
            began = time.perf_counter()
            while not await self.once(level):
                pass
            self.times.append(time.perf_counter() - began)

    async def once(self, level: float) -> bool:
        """One try on a connection of its own, as from another machine."""
        request = f'{{"au": {{"AU12": {level}}}}}'.encode()
        files: dict[str, tuple[str | None, bytes]] = {
            "image": ("photo.jpg", PHOTO.read_bytes()),
            "request": (None, request),
        }
        try:
            async with httpx.AsyncClient(timeout=LONGEST, verify=PLAIN) as session:
                answer = await session.post(f"{self.url}/v1/edit", files=files)
        except httpx.TransportError:  # the worker was killed
            self.broken += 1
            await asyncio.sleep(0.2)
            return False
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        if answer.status_code != 200:
            await asyncio.sleep(float(answer.headers.get("retry-after", 0.2)) * random.uniform(0.5, 1.5))
            return False
        worker = answer.headers.get("dftnet-worker", "none")
        self.workers[worker] = self.workers.get(worker, 0) + 1
        self.different += answer.content != self.wanted[level]
        return True

    def watch(self, stop: threading.Event) -> None:
        """/ready, ten times a second, from a thread of its own: the clients' loop is busy."""
        host, port = self.url.removeprefix("http://").split(":")
        while not stop.wait(0.1):
            began = time.perf_counter()
            connection = http.client.HTTPConnection(host, int(port), timeout=LONGEST)
            try:
                connection.request("GET", "/ready")
                if connection.getresponse().status == 200:
                    self.ready.append(time.perf_counter() - began)
            except (OSError, http.client.HTTPException):
                self.broken += 1
            finally:
                connection.close()

    async def kill_one(self, after: int) -> None:
        """Kills a worker once so many edits are done."""
        while len(self.times) < after:
            await asyncio.sleep(0.02)
        os.kill(int(max(self.workers, key=self.workers.__getitem__)), signal.SIGKILL)


async def run(url: str, clients: int, wanted: dict[float, bytes], kill: bool) -> tuple[Load, float]:
    """All clients at once; what was seen, and seconds."""
    load = Load(url, wanted)
    stop = threading.Event()
    watching = threading.Thread(target=load.watch, args=(stop,))
    watching.start()
    began = time.perf_counter()
    jobs = [load.client(number) for number in range(clients)]
    if kill:
        jobs.append(load.kill_one(clients * len(LEVELS) // 2))
    try:
        await asyncio.wait_for(asyncio.gather(*jobs), LONGEST)
    finally:
        stop.set()
        watching.join()
    seconds = time.perf_counter() - began
    return load, seconds


def serve(workers: int, port: int) -> subprocess.Popen[bytes]:
    """The server, ready."""
    command = [sys.executable, "-m", "dftnet", "app", "--port", str(port), "--workers", str(workers), "--threads", "1"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    seen: set[int] = set()
    for _ in range(600):
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/ready", timeout=5)
            seen |= {answer.json()["worker"]} if answer.status_code == 200 else set()
        except httpx.TransportError:
            pass
        if len(seen) == workers:
            return server
        time.sleep(0.1)
    server.terminate()
    raise SystemExit("the server did not get ready")


def wanted_bytes() -> dict[float, bytes]:
    """Level → what the editor makes of the photo."""
    photo = open_photo(Editor.from_pretrained(threads=1), PHOTO.read_bytes())
    requests = {level: {0: Request(set={"AU12": level})} for level in LEVELS}
    return {level: photo.encoded(photo.edited(one), one) for level, one in requests.items()}


def main() -> None:
    """Print requests a second and times, for one and two workers; exit code 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--port", type=int, default=8766)
    arguments = parser.parse_args()
    wanted = wanted_bytes()
    wrong = []
    for place, (workers, kill) in enumerate(((1, False), (2, False), (2, True))):
        port = arguments.port + place
        server = serve(workers, port)
        try:
            load, seconds = asyncio.run(run(f"http://127.0.0.1:{port}", arguments.clients, wanted, kill))
        finally:
            server.terminate()
            server.wait(20)
        total = arguments.clients * len(LEVELS)
        middle, high = np.percentile(load.times, [50, 95])
        name = f"{workers} worker{'s' * (workers > 1)}{', one killed in the middle' * kill}"
        print(
            f"{name}: {len(load.times)} of {total} edits, {total / seconds:.1f} a second, "
            f"with the waiting median {middle:.2f} s, 95th percentile {high:.2f} s; "
            f"answers {dict(sorted(load.statuses.items()))}, connections broken {load.broken}; "
            f"served by {len(load.workers)} processes; bytes different {load.different}; "
            f"/ready {len(load.ready)} times, slowest {max(load.ready) * 1e3:.0f} ms; "
            f"load {os.getloadavg()[0]:.1f}"
        )
        fine = len(load.times) == total and set(load.statuses) <= {200, 503} and not load.different
        fine &= len(load.workers) >= workers and (kill or not load.broken) and max(load.ready) < 0.2
        wrong += [] if fine else [name]
    if wrong:
        raise SystemExit(f"not as it should be: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
