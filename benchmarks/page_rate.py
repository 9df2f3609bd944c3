"""How often the page's picture follows a slider: from the `input` event to pixels on the canvas, measured in the browser.

    pip install -e ".[app]" playwright openpeople==0.1.2 && apt-get install chromium
    python benchmarks/page_rate.py

A 1024-pixel portrait (openpeople's P001, or --photo). The slider moves at every frame of the browser for --seconds a round, as a
hand does; the page draws the newest value and has one request in flight. An update is counted when its patch is drawn and one
pixel of it read back. Its time runs from the `input` event whose value it shows, or a later one that came before it was asked.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from dftnet import read_image, write_image

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PLAY = """([name, seconds]) => new Promise((done) => {
    const slider = document.getElementById('unit-' + name), canvas = document.getElementById('after');
    const context = canvas.getContext('2d'), times = [], asked = [];
    const real = window.fetch;
    window.fetch = (...question) => { asked.push(moved); return real(...question); };
    let moved = performance.now(), place = 0;
    const start = performance.now();
    const drawn = () => {
        context.getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1);
        const since = asked.shift(); // undefined for what was asked before the first move
        if (since !== undefined) times.push([performance.now() - start, performance.now() - since]);
    };
    document.addEventListener('drawn', drawn);
    const frame = () => {
        if (performance.now() - start > seconds * 1000) {
            document.removeEventListener('drawn', drawn);
            window.fetch = real;
            return done(times);
        }
        place += 0.013;
        slider.value = 0.5 - 0.5 * Math.cos(place * 2 * Math.PI);
        moved = performance.now();
        slider.dispatchEvent(new Event('input', { bubbles: true }));
        requestAnimationFrame(frame);
    };
    frame();
})"""


def portrait(path: str | None, side: int, folder: Path) -> Path:
    """The photo, its longer side `side` pixels, as a JPEG."""
    if path is None:
        path = str(resources.files("openpeople") / "data/curated/P001/assets/studio_portrait.jpg")
    image = read_image(path)
    scale = side / max(image.shape[:2])
    return write_image(
        folder / "portrait.jpg", cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    )


def main() -> None:
    """Print updates a second, and the median and 95th percentile of their times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--units", default="AU12,AU45,AU26")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    command = [
        sys.executable,
        "-m",
        "dftnet",
        "app",
        "--port",
        str(arguments.port),
        "--threads",
        str(arguments.threads),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"http://localhost:{arguments.port}/"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}ready", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(url)
            page.set_input_files("#chooser", portrait(arguments.photo, arguments.side, Path(folder)))
            page.wait_for_selector("#controls:not([hidden])", timeout=60000)
            page.evaluate(PLAY, ["AU12", 1])  # warm
            page.wait_for_timeout(800)
            every: list[float] = []
            for name in arguments.units.split(","):
                times = np.array(page.evaluate(PLAY, [name, arguments.seconds]))
                every += list(times[:, 1])
                rate = len(times) / arguments.seconds
                middle, high = np.percentile(times[:, 1], [50, 95])
                print(
                    f"{name}: {rate:.1f} updates a second, median {middle:.0f} ms, 95th percentile {high:.0f} ms, {len(times)}"
                )
                page.wait_for_timeout(1500)
            middle, high = np.percentile(every, [50, 95])
            rate = len(every) / (arguments.seconds * len(arguments.units.split(",")))
            load = os.getloadavg()[0]
            print(
                f"all: {rate:.1f} updates a second, median {middle:.0f} ms, 95th percentile {high:.0f} ms; "
                f"{os.cpu_count()} cores, load {load:.1f}"
            )
            browser.close()
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    main()
