"""Make the picture of the page with the shipped weights: eyes closed, and what the network did inside.

pip install -e ".[dev,app]"; apt-get install chromium
python docs/page.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.app.browser import ARGUMENTS, CHROMIUM, Running  # noqa: E402

from dftnet import Editor  # noqa: E402
from dftnet.app.settings import Settings  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
READ_AGAIN = """() => {
    const one = document.querySelector('[data-unit=AU45L]');
    return one.dataset.stale === 'no' && one.querySelector('.number').textContent;
}"""


def main() -> None:
    server = Running(Editor.from_pretrained(), Settings())
    shot = PICTURES / "app.png"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        page.goto(server.url)
        page.set_input_files("#chooser", str(PICTURES / "astronaut.jpg"))
        page.wait_for_selector("#unit-AU45L")
        page.focus("#unit-AU45L")
        page.keyboard.press("End")
        page.wait_for_function(READ_AGAIN)
        page.evaluate("document.activeElement.blur()")
        page.click("#inside summary")
        page.wait_for_timeout(3000)
        page.screenshot(path=shot)
        browser.close()
    server.stop()
    Image.open(shot).convert("RGB").save(PICTURES / "app.jpg", quality=90)
    shot.unlink()


if __name__ == "__main__":
    main()
