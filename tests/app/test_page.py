"""The page in a real browser: what a person does, and that pixels change in the face and nowhere else."""

from __future__ import annotations

import base64
import io
import re
import shlex
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

pytest.importorskip("fastapi", reason='the page needs `pip install "dftnet[app]"`')

from dftnet import Editor, OpenPhoto, Patch, Request, open_photo
from dftnet.app.settings import Settings
from tests.app.browser import ARGUMENTS, CHROMIUM, MISSING, Running
from tests.app.conftest import crowded, decoded, encoded
from tests.app.test_api import bomb

if CHROMIUM is None:
    warnings.warn(MISSING, stacklevel=1)
    pytest.skip(MISSING, allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason=MISSING)

WAIT = 60_000
ASKED_FOR = re.compile("ERR_CONNECTION|ERR_FAILED|status of 4|status of 503")
"""Errors that the browser logs of answers that a test wants."""
ASTRONAUT = np.ascontiguousarray(skimage.data.astronaut())


@pytest.fixture(scope="module")
def shipped() -> Editor:
    return Editor.from_pretrained(threads=1)


@pytest.fixture(scope="module")
def server(shipped: Editor) -> Iterator[Running]:
    running = Running(shipped, Settings(max_pixels=20_000_000))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield found
        found.close()


@pytest.fixture
def new_page(browser: Any, server: Running) -> Iterator[Callable[..., Any]]:
    """Opens the page in a new context; at the end its console held no error."""
    contexts, errors = [], []

    def make(**options: Any) -> Any:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **options}
        )
        context.set_default_timeout(WAIT)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda told: errors.extend([told.text] if told.type == "error" and not ASKED_FOR.search(told.text) else []),
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.url)
        return page

    yield make
    for context in contexts:
        context.close()
    assert not errors


def opened(page: Any, pixels: np.ndarray, name: str = "photo.png") -> Any:
    """The page with a photo open."""
    page.set_input_files("#chooser", {"name": name, "mimeType": "image/png", "buffer": encoded(pixels)})
    page.wait_for_function("name => document.getElementById('file').textContent === name", arg=name)
    return page


def canvas(page: Any, which: str = "after") -> np.ndarray:
    """The pixels of a canvas, uint8 [h, w, 3]."""
    found = page.evaluate(f"() => document.getElementById('{which}').toDataURL('image/png')")
    return decoded(base64.b64decode(found.partition(",")[2]))


def rested(page: Any) -> None:
    """Waits until the picture shows what is asked, and the units in it were read again."""
    page.wait_for_function("""() => {
        const one = document.querySelector('[data-unit=AU12L]');
        return one.dataset.stale === 'no' && one.querySelector('.number').textContent;
    }""")


def changed(page: Any) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of what differs from the photo; asserts that something does."""
    ys, xs = np.nonzero((canvas(page) != canvas(page, "before")).any(2))
    assert len(ys) > 100
    return xs.min(), ys.min(), xs.max() + 1, ys.max() + 1


def as_sent(page: Any, photo: OpenPhoto, requests: dict[int, Request]) -> bool:
    """Whether the canvas, put together of patches, shows what the whole edited photo does, coded at once."""
    data, _ = photo.encoded_part(Patch(0, 0, photo.edited(requests)))
    return int(np.abs(canvas(page).astype(int) - decoded(data)).max()) <= 2


def inside(part: tuple[int, int, int, int], box: tuple[int, int, int, int], margin: int = 8) -> bool:
    return all(part[i] >= box[i] - margin for i in (0, 1)) and all(part[i] <= box[i] + margin for i in (2, 3))


def test_a_slider_moves_the_face_and_nothing_else(new_page: Any, shipped: Editor) -> None:
    """With keys and with the mouse; undo takes it back; a double click resets."""
    page = opened(new_page(), ASTRONAUT)
    face = open_photo(shipped, encoded(ASTRONAUT))
    box = face.patch_box(0)
    assert np.array_equal(canvas(page), canvas(page, "before"))
    page.focus("#unit-AU45L")
    page.keyboard.press("End")
    rested(page)
    eyes = face.faces[0].landmarks[:2]
    part = changed(page)
    assert inside(part, box)
    for x, y in eyes.round().astype(int):  # the eyes closed: what was dark is skin
        there = np.s_[y - 2 : y + 3, x - 2 : x + 3]
        assert np.abs(canvas(page)[there].astype(int) - canvas(page, "before")[there]).mean() > 15
    assert float(page.text_content("[data-unit=AU45L] .number")) > 0.5
    assert as_sent(page, face, {0: Request(set={"AU45": 1})})
    assert "AU45" in page.get_attribute("#unit-AU45L", "title")
    page.keyboard.press("Control+z")
    page.wait_for_function("() => document.getElementById('undo').disabled")
    page.wait_for_function(
        "() => document.getElementById('after').toDataURL() === document.getElementById('before').toDataURL()"
    )
    page.locator("#unit-AU12L").scroll_into_view_if_needed()
    slider = page.locator("#unit-AU12L").bounding_box()
    page.mouse.move(slider["x"] + 0.9 * slider["width"], slider["y"] + slider["height"] / 2)
    page.mouse.down()
    for step in range(10):
        page.mouse.move(slider["x"] + (0.9 - 0.08 * step) * slider["width"], slider["y"] + slider["height"] / 2)
    page.mouse.up()
    rested(page)
    assert inside(changed(page), box)
    assert float(page.input_value("#unit-AU12L")) < 0.4
    page.dblclick("#unit-AU12L")
    page.wait_for_function(
        "() => document.getElementById('after').toDataURL() === document.getElementById('before').toDataURL()"
    )
    assert page.locator("#redo").is_disabled()


def test_expressions_aim_where_python_aims(new_page: Any, shipped: Editor, tmp_path: Path) -> None:
    """Half an emotion and one unit on top; the download is the editor's picture with its mark, the commands say the same."""
    page = opened(new_page(permissions=["clipboard-read", "clipboard-write"]), ASTRONAUT, "my photo.png")
    page.click("[data-base=surprise]")
    page.fill("#strength", "0.5")
    page.fill("#unit-AU04L", "0.3")
    rested(page)
    request = Request(emotion="surprise", strength=0.5, set={"AU04": 0.3})
    face = shipped.read(ASTRONAUT)
    for name, value in shipped.target(face, request).items():
        assert float(page.text_content(f"[data-unit={name}] output")) == pytest.approx(value, abs=0.0051), name
    with page.expect_download() as waiting:
        page.click("#download")
    assert waiting.value.suggested_filename == "my photo-edited.png"
    data = Path(waiting.value.path()).read_bytes()
    assert np.array_equal(decoded(data), shipped.render(face, request))
    assert b"compositeWithTrainedAlgorithmicMedia" in data
    page.click("#copy summary")
    page.click("#copy-command")
    page.wait_for_function("() => document.getElementById('told').textContent === 'Copied.'")
    command = page.evaluate("() => navigator.clipboard.readText()")
    words = "dftnet|edit|my photo.png|--au|AU04L=0.3|AU04R=0.3|--emotion|surprise|--strength|0.5|-o|my photo-edited.png"
    assert shlex.split(command) == words.split("|")
    page.click("#copy summary")
    page.click("#copy-python")
    page.wait_for_function("() => navigator.clipboard.readText().then((text) => text.startsWith('import dftnet'))")
    script = page.evaluate("() => navigator.clipboard.readText()")
    (tmp_path / "my photo.png").write_bytes(encoded(ASTRONAUT))
    code = script.replace('"my photo', f'"{tmp_path}/my photo')
    exec(compile(code, "copied", "exec"), {})
    written = decoded((tmp_path / "my photo-edited.png").read_bytes())
    assert np.array_equal(written, shipped.render(face, request))
    page.click("#inside summary")
    page.wait_for_function("() => [...document.querySelectorAll('#maps img')].every((image) => image.naturalWidth > 0)")
    assert page.locator("#maps figcaption").count() == 6


def test_the_second_face_of_a_group(new_page: Any, shipped: Editor) -> None:
    """Both faces keep their own edits; the second alone changes where the second is."""
    group = np.hstack([ASTRONAUT[:300, 70:370], cv2.resize(ASTRONAUT[:300, 70:370], (210, 300))])
    photo = open_photo(shipped, encoded(group))
    page = opened(new_page(), group)
    page.click(".face[data-face='1']")
    assert page.get_attribute(".face[data-face='1']", "aria-pressed") == "true"
    page.fill("#unit-AU45L", "1")
    rested(page)
    assert inside(changed(page), photo.patch_box(1))
    page.click(".face[data-face='0']")
    page.fill("#unit-AU45L", "1")
    rested(page)
    assert as_sent(page, photo, {0: Request(set={"AU45": 1}), 1: Request(set={"AU45": 1})})
    page.click("#undo")
    page.wait_for_function("() => Number(document.getElementById('unit-AU45L').value) < 0.5")
    page.wait_for_timeout(1500)
    assert inside(changed(page), photo.patch_box(1))


def test_every_file_gets_its_sentence(new_page: Any) -> None:
    page = new_page()
    wall = np.full((200, 200, 3), 128, np.uint8)
    for name, data, words in (
        ("notes.txt", b"just words", "Notes.txt is not a picture in a known format"),
        ("wall.png", encoded(wall), "No face found in this 200x200 image"),
        ("bomb.png", bomb(), "Bomb.png has 100 million pixels; at most 20 million"),
    ):
        page.set_input_files("#chooser", {"name": name, "mimeType": "image/png", "buffer": data})
        page.wait_for_function("words => document.getElementById('message').textContent.includes(words)", arg=words)
        assert page.locator("#controls").is_hidden()
    five = np.hstack([ASTRONAUT[40:200, 150:290]] * 5)
    opened(page, five)
    assert page.locator(".face").count() == 5
    assert page.locator("#message").is_hidden()
    page.set_input_files("#chooser", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"words"})
    page.wait_for_selector("#message:not([hidden])")
    assert page.text_content("#file") == "photo.png"  # the photo stays
    page.keyboard.press("Escape")
    assert page.locator("#message").is_hidden()


def test_two_tabs_and_a_server_that_comes_back(new_page: Any, server: Running) -> None:
    """Each tab has its own edits; after the server was killed and started again both go on, the photo is sent again."""
    first = opened(new_page(), ASTRONAUT)
    second = first.context.new_page()
    second.goto(server.url)
    opened(second, ASTRONAUT[:300, 70:370], "other.png")
    first.fill("#unit-AU45L", "1")
    second.fill("#unit-AU26", "1")
    rested(first)
    rested(second)
    assert changed(first) != changed(second)
    server.stop()
    first.fill("#unit-AU45L", "0.5")
    first.wait_for_function("() => document.getElementById('hint').textContent.includes('does not answer')")
    server.start()
    rested(first)
    second.fill("#unit-AU26", "0.2")
    rested(second)
    assert first.locator("#message").is_hidden()
    assert second.locator("#message").is_hidden()
    assert first.locator("#hint").is_hidden()


def test_a_photo_may_be_dropped_or_pasted(new_page: Any) -> None:
    page = new_page()
    data = base64.b64encode(encoded(ASTRONAUT[:300, 70:370])).decode()
    give = """([data, kind]) => {
        const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], kind + '.png', { type: 'image/png' }));
        const init = { bubbles: true, cancelable: true };
        const made = {
            drop: () => new DragEvent('drop', { ...init, dataTransfer: transfer }),
            paste: () => new ClipboardEvent('paste', { ...init, clipboardData: transfer }),
        };
        document.body.dispatchEvent(made[kind]());
    }"""
    for kind in ("drop", "paste"):
        page.evaluate(give, [data, kind])
        page.wait_for_function("name => document.getElementById('file').textContent === name", arg=f"{kind}.png")


def test_the_keyboard_is_enough(new_page: Any) -> None:
    """The divide between before and after, the close up, a sweep, redo: without a mouse, and the focus is seen."""
    page = opened(new_page(), ASTRONAUT)
    page.keyboard.press("Tab")
    outline = "() => getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) != "none"
    page.keyboard.press("z")
    assert page.get_attribute("#zoom", "aria-pressed") == "true"
    page.keyboard.press("c")
    page.focus("#wipe")
    page.keyboard.press("Home")
    assert page.evaluate("() => document.getElementById('photo').style.getPropertyValue('--divide')") == "0%"
    page.keyboard.press("c")
    assert page.locator("#wipe").is_hidden()
    page.focus("[data-unit=AU26] .play")
    page.keyboard.press("Enter")
    page.wait_for_function("() => Number(document.getElementById('unit-AU26').value) === 1")
    page.keyboard.press("Escape")
    page.wait_for_function("() => Number(document.getElementById('unit-AU26').value) < 0.5")
    page.focus("#unit-AU26")
    page.keyboard.press("PageUp")
    value = float(page.input_value("#unit-AU26"))
    assert value == pytest.approx(0.13, abs=0.02)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+z")
    assert float(page.input_value("#unit-AU26")) == value
    page.keyboard.press("Delete")
    assert float(page.input_value("#unit-AU26")) < 0.05


def test_a_unit_with_sides_has_two_sliders(new_page: Any) -> None:
    """Both move together until they are parted."""
    page = new_page()
    page.wait_for_selector("#unit-AU12L", state="attached")
    assert page.locator("label[for=unit-AU12L]").text_content() == "Smile, leftAU12L"
    opened(page, ASTRONAUT)
    page.fill("#unit-AU12L", "0.4")
    assert float(page.input_value("#unit-AU12R")) == 0.4
    page.click(".pair:has(#unit-AU12L) .link")
    page.fill("#unit-AU12R", "0.9")
    assert float(page.input_value("#unit-AU12L")) == 0.4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(new_page: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = new_page(color_scheme=scheme)
    for state in ("empty", "photo", "message"):
        if state == "photo":
            opened(page, np.hstack([ASTRONAUT[:300, 70:370]] * 2))
            page.fill("#unit-AU01L", "1")
            rested(page)
            page.click("#inside summary")
            page.wait_for_function("() => document.querySelector('#maps img').naturalWidth > 0")
        if state == "message":
            page.set_input_files("#chooser", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"})
            page.wait_for_selector("#message:not([hidden])")
        found = axe.run(page).response["violations"]
        serious = [
            (one["id"], one["nodes"][0]["html"], one["nodes"][0]["failureSummary"])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert not serious, (state, serious)


def test_it_fits_a_phone(new_page: Any) -> None:
    page = opened(new_page(viewport={"width": 360, "height": 740}, has_touch=True), ASTRONAUT)
    page.fill("#unit-AU45L", "1")
    rested(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    for name in ("#undo", "#compare", "#zoom", "#another", "#copy summary", "#download"):
        box = page.locator(name).bounding_box()
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= 360, name
        assert min(box["width"], box["height"]) >= 32, name
    assert page.locator("#after").bounding_box()["height"] > 250


def test_nothing_is_asked_of_other_servers(new_page: Any, server: Running) -> None:
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    opened(page, ASTRONAUT)
    assert asked
    assert all(url.startswith((server.url, "blob:", "data:")) for url in asked)
    assert re.match(r"default-src 'none'", page.goto(server.url).headers["content-security-policy"])
    assert Image.open(io.BytesIO(page.screenshot())).size == (1280, 800)


def test_units_that_fight_get_a_word_below_the_picture(new_page: Any) -> None:
    page = opened(new_page(), ASTRONAUT)
    page.fill("#unit-AU05L", "1")
    page.fill("#unit-AU45L", "1")
    page.wait_for_function("() => document.getElementById('hint').textContent.includes('work against each other')")
    rested(page)
    assert page.locator("#hint").text_content() == ("AU05 (upper lid raiser) and AU45 (blink) work against each other.")
    page.click("#reset")
    page.wait_for_selector("#hint", state="hidden")


def test_what_a_download_leaves_out_is_told(new_page: Any) -> None:
    page = new_page()
    page.set_input_files("#chooser", {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": crowded(ASTRONAUT)})
    page.wait_for_function("() => document.getElementById('file').textContent === 'photo.jpg'")
    page.fill("#unit-AU45L", "1")
    rested(page)
    for _ in range(2):
        with page.expect_download():
            page.click("#download")
        page.wait_for_selector("#message:not([hidden])")
        assert page.locator("#message p").text_content() == (
            "Saved as photo-edited.jpg; EXIF of a JPEG holds 64 KB: left out MakerNote"
        )
        page.click("#message button")


def test_a_photo_from_the_camera_is_opened(browser: Any, server: Running, tmp_path: Path):
    """Chromium's stand-in for a camera plays a file of JPEGs."""
    film = tmp_path / "camera.mjpeg"
    film.write_bytes(cv2.imencode(".jpg", ASTRONAUT[..., ::-1])[1].tobytes() * 30)
    camera = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    with browser.browser_type.launch(executable_path=str(CHROMIUM), args=[*ARGUMENTS, *camera]) as other:
        page = other.new_page()
        page.set_default_timeout(WAIT)
        page.goto(server.url)
        page.click("#camera")
        page.wait_for_function("() => document.getElementById('video').videoWidth > 0")
        page.click("#shoot")
        page.wait_for_function("() => document.getElementById('file').textContent === 'camera.jpg'")
        taken = canvas(page, "before")
        scale = taken.shape[0] / ASTRONAUT.shape[0]
        (face,) = server.editor.find(taken)
        wanted = server.editor.find(ASTRONAUT)[0].box * scale
        assert abs(face.box[2] - wanted[2]) < 0.15 * wanted[2]
        assert not page.evaluate("() => document.getElementById('camera-dialog').open")
