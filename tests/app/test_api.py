"""The HTTP API: what it answers is what the editor does, and everything else is one sentence with the right status."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import struct
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason='the page needs `pip install "dftnet[app]"`')

from dftnet import AU_NAMES, EMOTIONS, Editor, Request, UnfitFaceError, describe_unit, edit, open_photo
from dftnet.app.api import create_app
from dftnet.app.gate import BusyError, Gate
from dftnet.app.guard import HEADERS
from dftnet.app.settings import Settings
from tests.app.conftest import crowded, decoded, encoded
from tests.synthetic_model import write_estimator

SMILE = {"au": {"AU12": 0.9}}


def sent(image: bytes, request: Any = None, name: str = "photo.png") -> dict[str, Any]:
    """The arguments of a multipart post."""
    data = {} if request is None else {"data": {"request": json.dumps(request)}}
    return {"files": {"image": (name, image)}, **data}


def uri(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def problem(answer: Any) -> dict[str, Any]:
    """The body of a problem; asserts its form."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["detail"]
    assert "\n" not in body["detail"]
    return body


def test_an_edit_is_the_editors(client: Any, editor: Editor, portrait: np.ndarray) -> None:
    data = encoded(portrait)
    answer = client.post("/v1/edit", **sent(data, SMILE, "my face.png"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert "my%20face-edited.png" in answer.headers["content-disposition"]
    assert np.array_equal(decoded(answer.content), editor.edit(portrait, {"AU12": 0.9}))
    assert not np.array_equal(decoded(answer.content), portrait)
    (face,) = json.loads(answer.headers["dftnet-faces"])
    assert face["index"] == 0
    assert np.allclose(face["box"], editor.read(portrait).box, atol=0.01)
    again = client.post("/v1/edit", json={"image": uri(data), "request": SMILE})
    assert again.content == answer.content
    by_id = client.post("/v1/edit", json={"photo": answer.headers["dftnet-photo"], "request": SMILE})
    assert by_id.content == answer.content
    fields = {"photo": (None, answer.headers["dftnet-photo"]), "request": (None, json.dumps(SMILE), "application/json")}
    assert client.post("/v1/edit", files=fields).content == answer.content


@pytest.mark.parametrize(
    ("request_", "same"),
    [
        ({"au": {"smile": 0.5}}, Request(set={"smile": 0.5})),
        ({"add": {"AU12": -0.1}}, Request(add={"AU12": -0.1})),
        ({"neutral": True, "strength": 0.5}, Request(neutral=True, strength=0.5)),
        (
            {"emotion": "happy", "strength": 0.7, "au": {"AU45": 1}},
            Request(emotion="happiness", strength=0.7, set={"AU45": 1}),
        ),
        ({"like": {"AU12": 0.9, "AU26": 0.4}}, Request(like={"AU12": 0.9, "AU26": 0.4})),
        ({}, Request()),
    ],
)
def test_every_field_means_what_it_means_in_python(
    client: Any, editor: Editor, portrait: np.ndarray, request_: Any, same: Request
) -> None:
    answer = client.post("/v1/edit", **sent(encoded(portrait), request_))
    assert np.array_equal(decoded(answer.content), editor.edit(portrait, same))


def test_faces_are_chosen_as_on_the_command_line(client: Any, editor: Editor, pair: np.ndarray) -> None:
    data = encoded(pair)
    large, small = editor.faces(pair)
    both = editor.render(small, {"AU26": 0.9}, onto=editor.render(large, {"AU12": 0.9}))
    x, y = small.box[:2] + small.box[2:] / 2
    cases: list[tuple[Any, np.ndarray]] = [
        ({**SMILE, "face": 1}, editor.render(small, {"AU12": 0.9})),
        ({**SMILE, "face": f"{x:.0f},{y:.0f}"}, editor.render(small, {"AU12": 0.9})),
        ({**SMILE, "face": "all"}, editor.edit(pair, {"AU12": 0.9}, "all")),
        (SMILE, editor.render(large, {"AU12": 0.9})),
        ({**SMILE, "face": "right"}, editor.render(small, {"AU12": 0.9})),
        ({"face": "all"}, pair),
        ({"faces": {"1": {"au": {"AU26": 0.9}}}}, editor.render(small, {"AU26": 0.9})),
        ({"faces": {"0": SMILE, "1": {"au": {"AU26": 0.9}}}}, both),
        ({**SMILE, "face": "all", "faces": {"1": {"au": {"AU26": 0.9}}}}, both),
    ]
    for request, wanted in cases:
        answer = client.post("/v1/edit", **sent(data, request))
        assert answer.status_code == 200, answer.text
        assert np.array_equal(decoded(answer.content), wanted), request
    warned = client.post("/v1/edit", **sent(data, SMILE))
    assert json.loads(warned.headers["dftnet-warnings"]) == [
        "2 faces found, editing the largest; ask for all, or for one by its number"
    ]
    assert problem(client.post("/v1/edit", **sent(data, {"face": 2})))["code"] == "NoFaceError"


KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "TIFF": "image/tiff", "BMP": "image/bmp"}


@pytest.mark.parametrize(("form", "kind"), KINDS.items())
def test_the_answer_has_the_photos_own_format_and_a_mark(
    client: Any, portrait: np.ndarray, form: str, kind: str
) -> None:
    data = encoded(portrait, form)
    answer = client.post("/v1/edit", **sent(data, SMILE))
    assert answer.headers["content-type"] == kind
    assert Image.open(io.BytesIO(answer.content)).format == form
    marked = b"compositeWithTrainedAlgorithmicMedia" in answer.content
    assert marked == (form != "BMP")
    assert answer.headers["dftnet-mark"] == ("compositeWithTrainedAlgorithmicMedia" if marked else "none")
    plain = client.post("/v1/edit", **sent(data, {**SMILE, "mark": False}))
    assert b"compositeWithTrained" not in plain.content
    assert plain.headers["dftnet-mark"] == "none"
    other = client.post("/v1/edit", **sent(data, {**SMILE, "format": "webp"}))
    assert other.headers["content-type"] == "image/webp"


def test_sixteen_bits_stay(client: Any, editor: Editor, portrait: np.ndarray) -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in (portrait.astype(">u2") * 257))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 300, 300, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 1)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    answer = client.post("/v1/edit", **sent(data, SMILE))
    edited = open_photo(editor, answer.content).photo.pixels
    assert edited.dtype == np.uint16
    assert np.array_equal(edited, editor.edit(portrait.astype(np.uint16) * 257, {"AU12": 0.9}))


def test_json_tells_units_before_and_after(client: Any, portrait: np.ndarray) -> None:
    answer = client.post("/v1/edit", **sent(encoded(portrait), SMILE), headers={"accept": "application/json"}).json()
    (face,) = answer["faces"]
    assert set(face["before"]) == set(face["asked"]) == set(face["after"]) == set(AU_NAMES)
    assert face["asked"]["AU12"] == pytest.approx(0.9)
    assert face["before"]["AU12"] == pytest.approx(0.25)  # the estimator of the tests always says so
    assert face["after"]["AU12"] == pytest.approx(0.25)
    assert (answer["width"], answer["height"], answer["format"]) == (300, 300, "png")
    plain = client.post("/v1/edit", **sent(encoded(portrait), SMILE))
    assert base64.b64decode(answer["image"].partition(",")[2]) == plain.content


def test_aus_and_maps_and_model(client: Any, editor: Editor, pair: np.ndarray) -> None:
    answer = client.post("/v1/aus", **sent(encoded(pair))).json()
    assert [face["units"] for face in answer["faces"]] == [
        pytest.approx(face.aus, abs=1e-4) for face in editor.faces(pair)
    ]
    maps = client.post("/v1/maps", json={"photo": answer["photo"], "request": {"face": 1, **SMILE}}).json()
    assert set(maps["pictures"]) == {"source", "arrows", "flow", "attention", "texture", "aligned", "result"}
    source = decoded(base64.b64decode(maps["pictures"]["source"].partition(",")[2]))
    assert np.array_equal(source, editor.faces(pair)[1].crop)
    numbers = client.post(
        "/v1/maps",
        json={"photo": answer["photo"], "request": {"face": 1, **SMILE}},
        headers={"accept": "application/x-npz"},
    )
    found = np.load(io.BytesIO(numbers.content))
    assert np.array_equal(found["flow"], editor.maps(editor.faces(pair)[1], {"AU12": 0.9}).flow)
    model = client.get("/v1/model").json()
    assert [unit["name"] for unit in model["units"]] == list(editor.au_names)
    assert set(model["emotions"]) == set(EMOTIONS) - {"contempt"}  # which needs units with sides
    for name, preset in model["emotions"].items():
        assert {unit: value for unit, value in preset.items() if value} == EMOTIONS[name]
    assert {unit["region"] for unit in model["units"]} <= set(model["regions"])


def test_every_unit_has_words_and_a_place() -> None:
    words = [describe_unit(name) for name in AU_NAMES]
    assert len({one.plain for one in words}) == len(words)
    assert not any(one.plain == one.name or one.side for one in words)
    left = describe_unit("AU12L")
    assert (left.plain, left.region, left.side) == ("Smile", "mouth", "left")
    assert describe_unit("AU30R").side == "right"


def bomb() -> bytes:
    """A PNG that says 10,000 x 10,000 and holds next to nothing."""
    header = struct.pack(">IIBBBBB", 10000, 10000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data


WALL = np.full((200, 200, 3), 128, np.uint8)


@pytest.mark.parametrize(
    ("image", "request_", "status", "code", "words"),
    [
        (b"hello, I am a text", None, 415, "MediaError", "notes.txt is not a picture in a known format"),
        (b"", None, 415, "MediaError", "empty"),
        (bomb(), None, 415, "MediaError", "notes.txt has 100 million pixels; at most 4 million are taken here"),
        (encoded(WALL), None, 404, "NoFaceError", "no face found in this 200x200 image"),
        (encoded(WALL)[:300], None, 415, "MediaError", ""),
        (None, {"au": {"smle": 0.5}}, 422, "RequestError", "did you mean smile?"),
        (None, {"au": {"AU12": 1.5}}, 422, "RequestError", "less than or equal to 1"),
        (None, {"au": {"AU12": "much"}}, 422, "RequestError", "number"),
        (None, {"emotion": "hapiness"}, 422, "RequestError", "did you mean happiness?"),
        (None, {"wobble": 1}, 422, "RequestError", "wobble"),
        (None, {"face": "nose"}, 422, "RequestError", "choose largest, all"),
        (None, {"face": 0, "faces": {"1": {}}}, 422, "RequestError", "face 0 is chosen"),
        (None, {"face": 7}, 404, "NoFaceError", "1 face (number 0)"),
        (None, {"faces": {"3": {}}}, 404, "NoFaceError", "1 face (number 0)"),
        (None, "a text", 422, "RequestError", ""),
    ],
)
def test_every_mistake_gets_its_sentence(
    client: Any, portrait: np.ndarray, image: bytes | None, request_: Any, status: int, code: str, words: str
) -> None:
    answer = client.post("/v1/edit", **sent(encoded(portrait) if image is None else image, request_, "notes.txt"))
    body = problem(answer)
    assert (answer.status_code, body["code"]) == (status, code), body
    assert words in body["detail"]


def test_bodies_of_the_wrong_kind(client: Any, portrait: np.ndarray) -> None:
    assert problem(client.post("/v1/edit", content=b"x", headers={"content-type": "text/plain"}))["status"] == 415
    assert problem(client.post("/v1/edit", content=b"{", headers={"content-type": "application/json"}))["status"] == 422
    assert problem(client.post("/v1/edit", json=[1]))["status"] == 422
    assert problem(client.post("/v1/edit", json={}))["field"] == "image"
    assert problem(client.post("/v1/edit", json={"image": "/etc/passwd"}))["status"] == 422
    assert problem(client.post("/v1/edit", json={"image": "http://localhost/a.png"}))["status"] == 422
    assert problem(client.post("/v1/edit", json={"image": "data:image/png;base64,§"}))["status"] == 415
    assert problem(client.post("/v1/aus", files={"picture": ("a.png", encoded(portrait))}))["field"] == "picture"
    broken = {"content-type": "multipart/form-data; boundary=b"}
    assert problem(client.post("/v1/aus", content=b"nonsense", headers=broken))["status"] in (400, 422)
    assert (
        problem(client.post("/v1/aus", content=b"x", headers={"content-type": "multipart/form-data"}))["status"] == 400
    )
    assert problem(client.get("/v1/edit"))["status"] in (404, 405)
    unknown = problem(client.post("/v1/patch", json={"photo": "0" * 64, "face": 0, "faces": {}}))
    assert (unknown["status"], unknown["code"]) == (404, "UnknownPhotoError")


def test_what_is_too_large_is_refused_before_it_is_parsed(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dftnet.app.bodies._InMemory.parse", None)  # would fail if it were called
    body = problem(client.post("/v1/edit", **sent(bytes(2_100_000))))
    assert body["status"] == 413
    assert "larger than 2 MB" in body["detail"]


def test_what_grows_too_large_is_stopped(client: Any) -> None:
    def endless() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        for _ in range(30):
            yield bytes(100_000)

    answer = client.post("/v1/edit", content=endless(), headers={"content-type": "multipart/form-data; boundary=b"})
    assert problem(answer)["status"] == 413


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.evil.example:8000", "[::1].evil"]
)
def test_foreign_names_are_refused(client: Any, host: str) -> None:
    assert problem(client.get("/health", headers={"host": host}))["status"] == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:8000", "192.168.1.7"])
def test_own_names_are_answered(client: Any, host: str) -> None:
    assert client.get("/health", headers={"host": host}).status_code == 200


def test_a_name_that_was_allowed_is_answered(editor: Editor) -> None:
    from starlette.testclient import TestClient

    app = create_app(Settings(hosts=("faces.example.org",)), editor)
    assert TestClient(app, base_url="http://faces.example.org").get("/health").status_code == 200
    assert TestClient(app, base_url="http://face.example.org").get("/health").status_code == 421


def test_pages_of_other_sites_may_not_post(client: Any, portrait: np.ndarray) -> None:
    for origin in ("https://evil.example", "null"):
        answer = client.post("/v1/aus", **sent(encoded(portrait)), headers={"origin": origin})
        assert problem(answer)["status"] == 403
    assert (
        client.post("/v1/aus", **sent(encoded(portrait)), headers={"origin": "http://localhost:8000"}).status_code
        == 200
    )
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert client.options("/v1/edit", headers=asked).status_code >= 400


def test_every_answer_has_the_safety_headers(client: Any) -> None:
    for answer in (
        client.get("/"),
        client.get("/health"),
        client.get("/nothing"),
        client.get("/js/app.js"),
        client.post("/v1/edit"),
    ):
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_the_page_needs_nothing_from_elsewhere(client: Any) -> None:
    page = client.get("/").text
    assert "<script>" not in page
    assert "style=" not in page
    for path in (
        "/",
        "/style.css",
        *(f"/js/{name}.js" for name in ("app", "server", "stage", "sliders", "follow", "share")),
    ):
        text = client.get(path).text.replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text.replace("HTTPS", "")
        assert "https:" not in text


def test_nothing_of_a_user_touches_the_disk(client: Any, portrait: np.ndarray) -> None:
    opened: list[tuple[str, Any]] = []
    watching = True

    def watch(event: str, arguments: Any) -> None:
        if watching and event == "open" and arguments[1] and any(letter in str(arguments[1]) for letter in "wax+"):
            opened.append((str(arguments[0]), arguments[1]))
        if watching and event in ("tempfile.mkstemp", "tempfile.mkdtemp", "os.mkdir", "os.rename"):
            opened.append((event, arguments))

    sys.addaudithook(watch)
    try:
        large = np.random.default_rng(0).integers(
            0, 255, (700, 700, 3), np.uint8
        )  # 1.5 MB: more than forms keep in memory
        large[:300, :300] = portrait
        data = encoded(large)
        assert len(data) > 1_200_000
        assert client.post("/v1/edit", **sent(data, SMILE)).status_code == 200
        assert client.post("/v1/read", **sent(data)).status_code == 200
    finally:
        watching = False
    assert not opened


def test_the_patch_is_the_preview_beside_the_face(client: Any, editor: Editor, pair: np.ndarray) -> None:
    """Where nothing changed a patch decodes to the very pixels of the preview, so that no box shows around the face."""
    read = client.post("/v1/read", **sent(encoded(pair))).json()
    preview = decoded(base64.b64decode(read["preview"]["image"].partition(",")[2]))
    assert preview.shape[:2] == (read["preview"]["height"], read["preview"]["width"])
    assert preview.shape[1] == 400
    small = open_photo(editor, encoded(pair)).smaller(400)
    for index in (0, 1):
        faces = {str(index): SMILE, str(1 - index): {"au": {"AU26": 0.8}}}
        answer = client.post("/v1/patch", json={"photo": read["photo"], "face": index, "faces": faces})
        x, y, width, height = map(int, answer.headers["dftnet-box"].split(","))
        patch = decoded(answer.content)
        assert patch.shape == (height, width, 3)
        edited = small.edited({index: Request(set={"AU12": 0.9})})[y : y + height, x : x + width]
        still = (edited == small.photo.pixels[y : y + height, x : x + width]).all(2)
        blocks = still[: height // 8 * 8, : width // 8 * 8].reshape(height // 8, 8, width // 8, 8).all((1, 3))
        quiet = np.zeros_like(still)
        quiet[: height // 8 * 8, : width // 8 * 8] = np.kron(blocks, np.ones((8, 8))) > 0
        assert quiet.any()
        assert np.array_equal(patch[quiet], preview[y : y + height, x : x + width][quiet])
        assert np.abs(patch.astype(int) - edited).mean() < 3
    measured = client.post(
        "/v1/patch", json={"photo": read["photo"], "face": 0, "faces": {"0": SMILE}, "measure": True}
    )
    assert json.loads(measured.headers["dftnet-measured"])["AU12"] == pytest.approx(0.25)


def test_overlapping_faces_are_edited_in_the_order_of_the_download(editor: Editor, portrait: np.ndarray) -> None:
    """The page's patches end in the picture that the download has, also where two faces' parts meet."""
    from dataclasses import replace

    from dftnet.app import schema
    from dftnet.app.photos import ReadPhoto
    from dftnet.app.work import PatchMade

    opened = open_photo(editor, encoded(portrait))
    matrix = opened.faces[0].crop_from_image.copy()
    matrix[0, 2] -= 20
    beside = replace(opened.faces[0], index=1, crop_from_image=matrix)
    opened = replace(opened, faces=(opened.faces[0], beside))
    photo = ReadPhoto(id="0" * 64, name="a.png", opened=opened, preview=opened, draft=opened)
    requests = {0: Request(set={"AU12": 0.9}), 1: Request(set={"AU26": 0.9})}
    whole = opened.edited(requests)
    for index in (0, 1):
        faces = {"0": SMILE, "1": {"au": {"AU26": 0.9}}}
        made = PatchMade(photo, schema.PatchRequest(photo="0" * 64, face=index, faces=faces))
        x0, y0, x1, y1 = made.box
        assert np.array_equal(made.part.pixels, whole[y0:y1, x0:x1])


def test_the_gate_lets_one_work_and_a_few_wait() -> None:
    order: list[int] = []
    running = threading.Lock()

    async def play() -> list[Any]:
        gate = Gate(waiting=2)

        def work(number: int) -> int:
            assert running.acquire(blocking=False), "two at once"
            threading.Event().wait(0.02)
            running.release()
            order.append(number)
            return number

        calls = [gate(lambda number=number: work(number)) for number in range(5)]
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert gate.inside == 0
        return done

    done = asyncio.run(play())
    assert done[:3] == [0, 1, 2] == order
    assert all(isinstance(one, BusyError) for one in done[3:])


def test_who_has_gone_is_not_worked_for() -> None:
    async def gone() -> bool:
        return True

    async def play() -> Any:
        return await Gate(waiting=0)(lambda: pytest.fail("worked"), gone)

    assert asyncio.run(play()) is None


def test_too_many_are_told_to_come_back(client: Any, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.app.app.state.worker.gate, "inside", 9)
    answer = client.post("/v1/edit", **sent(encoded(portrait)))
    assert problem(answer)["status"] == 503
    assert answer.headers["retry-after"] == "1"
    assert client.get("/ready").status_code == 200


def test_a_fault_of_ours_is_a_500_and_not_an_excuse(
    client: Any, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from starlette.testclient import TestClient

    def broken(*_: Any) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("dftnet.app.work.describe_faces", broken)
    quiet = TestClient(client.app, base_url="http://localhost", raise_server_exceptions=False)
    body = problem(quiet.post("/v1/aus", **sent(encoded(portrait))))
    assert body["status"] == 500
    assert "ours" not in body["detail"]


def test_it_is_ready_when_the_model_is_loaded(model: Any, portrait: np.ndarray) -> None:
    from starlette.testclient import TestClient

    with TestClient(create_app(Settings(model=str(model), threads=1)), base_url="http://localhost") as client:
        for _ in range(100):
            answer = client.get("/ready")
            if answer.status_code == 200:
                break
            assert problem(answer)["status"] == 503
            threading.Event().wait(0.1)
        assert answer.json()["ready"] is True
    with TestClient(create_app(Settings(model="/nowhere")), base_url="http://localhost") as client:
        threading.Event().wait(0.5)
        assert problem(client.get("/ready"))["status"] == 503
        assert client.get("/health").json() == {"status": "ok"}


def test_only_a_few_photos_are_kept(client: Any, portrait: np.ndarray) -> None:
    ids = []
    for shade in range(10):
        changed = portrait.copy()
        changed[:10] = shade
        ids.append(client.post("/v1/aus", **sent(encoded(changed))).json()["photo"])
    known = [client.post("/v1/maps", json={"photo": one}).status_code == 200 for one in ids]
    assert known == [False] * 2 + [True] * 8


def test_a_face_that_cannot_be_edited_says_why(editor: Editor, portrait: np.ndarray) -> None:
    from dataclasses import replace

    opened = open_photo(editor, encoded(portrait))
    opened = replace(opened, faces=(replace(opened.faces[0], trouble="face 0 is turned too far away"),))
    with pytest.raises(UnfitFaceError, match="turned too far"):
        opened.face()


def test_settings_reach_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DFTNET_APP", raising=False)
    assert Settings.from_environment() == Settings()
    chosen = Settings(model="x", hosts=("a", "b"), waiting=3)
    monkeypatch.setenv("DFTNET_APP", "")  # so that it is put back
    chosen.to_environment()
    assert Settings.from_environment() == chosen


def test_the_documented_calls_work(client: Any, portrait: np.ndarray) -> None:
    """What docs/app.md shows for curl and Python is understood as it stands, and every path that it names exists."""
    text = (Path(__file__).parents[2] / "docs" / "app.md").read_text("utf-8")
    shown = [json.loads(found) for found in re.findall(r"-F 'request=(.*?)'", text)]
    shown += [{"emotion": "happiness", "strength": 0.7}, {"au": {"AU45": 1}}]
    assert len(shown) == 4
    for request in shown:
        if set(request.get("faces", {})) <= {"0"}:
            assert client.post("/v1/edit", **sent(encoded(portrait), request)).status_code == 200
    paths = client.get("/openapi.json").json()["paths"]
    assert set(re.findall(r"`(?:GET|POST) (/[\w/]+)`", text)) | {"/v1/patch", "/ready"} >= set(paths)


def test_what_the_file_cannot_hold_and_what_did_not_land_is_told_as_by_the_command_line(
    client: Any, editor: Editor, portrait: np.ndarray, tmp_path: Path
) -> None:
    data = crowded(portrait)
    (tmp_path / "photo.jpg").write_bytes(data)
    done = edit(tmp_path / "photo.jpg", {"AU12": 0.9}, tmp_path / "out.jpg", editor=editor)
    short = "face 0: did not land: AU12 0.25 → 0.90 asked, 0.25 read"  # the estimator of the tests always says so
    lost = "EXIF of a JPEG holds 64 KB: left out MakerNote"
    assert sorted(done.warnings) == sorted([short, lost])
    answer = client.post("/v1/edit", **sent(data, SMILE), headers={"accept": "application/json"})
    assert sorted(answer.json()["warnings"]) == sorted(done.warnings)
    assert json.loads(answer.headers["dftnet-warnings"]) == answer.json()["warnings"]
    file = client.post("/v1/edit", **sent(data, SMILE))  # without the units read again
    assert json.loads(file.headers["dftnet-warnings"]) == [lost]
    for free in ({"format": "png"}, {"mark": False}):
        other = client.post("/v1/edit", **sent(data, {**SMILE, **free}))
        assert json.loads(other.headers["dftnet-warnings"]) == []


def test_own_units_that_nothing_reads_are_told(model: Path, portrait: np.ndarray) -> None:
    from starlette.testclient import TestClient

    blind = Editor.from_pretrained(model, threads=1)
    blind.estimator = None
    with TestClient(create_app(Settings(), blind), base_url="http://localhost:8000") as client:
        answer = client.post("/v1/edit", **sent(encoded(portrait), SMILE))
        assert json.loads(answer.headers["dftnet-warnings"]) == [
            "this face's own AUs are unknown (no AU estimator is installed), taken as 0"
        ]
        assert json.loads(client.post("/v1/edit", **sent(encoded(portrait), {})).headers["dftnet-warnings"]) == []


def test_units_that_fight_and_closed_eyes_are_told(
    client: Any, model: Path, portrait: np.ndarray, tmp_path: Path
) -> None:
    from starlette.testclient import TestClient

    words = "AU05 (upper lid raiser) and AU45 (blink) work against each other"
    fighting = {"au": {"AU05": 1, "AU45": 1}}
    answer = client.post("/v1/edit", **sent(encoded(portrait), fighting))
    assert json.loads(answer.headers["dftnet-warnings"]) == [words]
    id_ = answer.headers["dftnet-photo"]
    patch = client.post("/v1/patch", json={"photo": id_, "face": 0, "faces": {"0": fighting}})
    assert json.loads(patch.headers["dftnet-warnings"]) == [words]
    plain = client.post("/v1/patch", json={"photo": id_, "face": 0, "faces": {"0": SMILE}})
    assert "dftnet-warnings" not in plain.headers
    assert client.post("/v1/aus", json={"photo": id_}).json()["faces"][0]["held"] == []

    closed = Editor.from_pretrained(model, estimator=write_estimator(tmp_path / "e", value=0.8), threads=1)
    with TestClient(create_app(Settings(), closed), base_url="http://localhost:8000") as other:
        kept = other.post("/v1/edit", **sent(encoded(portrait), {"neutral": True}))
        (told,) = json.loads(kept.headers["dftnet-warnings"])
        assert "stay so: this model cannot open them" in told
        body = problem(other.post("/v1/edit", **sent(encoded(portrait), {"au": {"open eyes": 1}})))
        assert (body["status"], body["code"], body["field"]) == (422, "UnfitFaceError", "au")
        assert other.post("/v1/aus", **sent(encoded(portrait))).json()["faces"][0]["held"] == ["AU45"]
