"""The same work on a Ray cluster of two CPUs: equal to one process byte for byte, on two workers, also when one is killed."""

from __future__ import annotations

import functools
import os
import re
import signal
from pathlib import Path

import pytest

ray = pytest.importorskip("ray")
import skimage.data  # noqa: E402
from PIL import Image  # noqa: E402

from dftnet.cluster import check_engine, on_ray  # noqa: E402
from dftnet.data import inputs  # noqa: E402
from dftnet.data.config import PrepareConfig  # noqa: E402
from dftnet.data.prepare import prepare  # noqa: E402
from dftnet.editing.editor import Editor  # noqa: E402
from dftnet.editing.folder import edit_folder  # noqa: E402
from dftnet.editing.options import SaveOptions  # noqa: E402
from dftnet.errors import DatasetError, RequestError  # noqa: E402
from dftnet.inference.sessions import GeneratorSession  # noqa: E402
from dftnet.media.files import file_sha256  # noqa: E402
from tests.synthetic_model import write_generator  # noqa: E402


@pytest.fixture(scope="module")
def cluster():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


class Noter:
    """Doubles a number, notes who did it; the first to meet number 7 dies of it."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, number: int) -> int:
        if number == 13:
            raise DatasetError("13 is damaged", field="number")
        with open(self.folder / str(os.getpid()), "a") as file:
            print(number, file=file)
        if number == 7 and not (self.folder / "killed").exists():
            (self.folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number


def test_two_workers_one_killed_and_nothing_missing(cluster, tmp_path: Path):
    numbers = [n for n in range(41) if n != 13]
    done = list(on_ray(functools.partial(Noter, tmp_path), numbers, 2))
    assert done == [(n, 2 * n) for n in numbers]
    assert (tmp_path / "killed").exists()
    workers = [p for p in tmp_path.iterdir() if p.name != "killed"]
    assert len(workers) >= 3, "two, and the one that took the dead one's place"
    assert {int(n) for p in workers for n in p.read_text().split()} == set(numbers)


def test_what_a_worker_raises_is_raised_here(cluster, tmp_path: Path):
    with pytest.raises(DatasetError, match="13 is damaged") as caught:
        list(on_ray(functools.partial(Noter, tmp_path), [12, 13], 2))
    assert caught.value.field == "number"
    assert list(on_ray(functools.partial(Noter, tmp_path), [], 2)) == []


def test_forty_photos_at_an_address_prepared_on_ray_are_those_of_one_process(
    cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(inputs, "CHUNK", 4)
    face = Image.fromarray(skimage.data.astronaut()[20:230, 120:330])
    (tmp_path / "in").mkdir()
    rows = ["key,AU12,AU45"]
    for i in range(40):
        face.rotate(i % 9 - 4).save(tmp_path / f"in/p{i:02d}.png")
        rows.append(f"p{i:02d},{i / 40},{1 - i / 40}")
    (tmp_path / "l.csv").write_text("\n".join(rows))
    config = PrepareConfig(labels=tmp_path / "l.csv", size=48)
    prepare(tmp_path / "in", tmp_path / "one", config, workers=1)
    told: list[tuple[str, int, int]] = []
    tell = lambda *what: told.append(what)  # noqa: E731
    report = prepare(f"file://{tmp_path}/in", tmp_path / "ray", config, workers=2, engine="ray", tell=tell)
    assert report.lines[0].startswith("40 faces of 40 photos")
    assert told[0] == ("photos", 0, 40)
    assert told[-1] == ("photos", 40, 40)
    one, other = ({p.name: file_sha256(p) for p in (tmp_path / n).iterdir() if p.is_file()} for n in ("one", "ray"))
    assert one == other


def actors() -> set[int]:
    """The actors of this session's own Ray that work on photos."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return {pid for pid in pids if b"ray::" in about(pid, "cmdline") and b"Map" in about(pid, "cmdline") and ours(pid)}


def ours(pid: int) -> bool:
    while pid > 1 and pid != os.getpid():
        parent = re.search(rb"PPid:\s*(\d+)", about(pid, "status"))
        pid = int(parent[1]) if parent else 0
    return pid == os.getpid()


def about(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""


def test_forty_photos_at_an_address_are_edited_on_ray_as_by_one_process_also_when_an_actor_is_killed(
    cluster, tmp_path: Path
):
    photo = Image.fromarray(skimage.data.astronaut()[:256, 80:336])
    for i in range(40):
        (tmp_path / f"in/{i % 4}").mkdir(parents=True, exist_ok=True)
        photo.rotate(i % 9 - 4).save(tmp_path / f"in/{i % 4}/{i:02d}.jpg")
    (tmp_path / "in/none.png").write_bytes(b"no picture")
    editor = Editor(GeneratorSession(write_generator(tmp_path / "g"), threads=1))
    seen: set[int] = set()
    killed: list[int] = []

    def tell(what: str, done: int, total: int) -> None:
        seen.update(actors())
        if done == 10:
            killed.append(min(actors()))
            os.kill(killed[0], signal.SIGKILL)

    one = edit_folder(editor, tmp_path / "in", {"AU12": 0.8}, tmp_path / "one", workers=1)
    save = SaveOptions(engine="ray")
    other = edit_folder(
        editor, f"file://{tmp_path}/in", {"AU12": 0.8}, tmp_path / "ray", workers=2, save=save, tell=tell
    )
    assert len(killed) == 1
    assert len(seen) >= 3, "two, and the one that took the dead one's place"
    assert (other.written, other.lines, other.failed.keys()) == (one.written, one.lines, one.failed.keys())
    assert len(other.written) == 40
    assert [face.as_json() for face in other.faces] == [face.as_json() for face in one.faces]
    for name in one.written:
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), name


def test_engines():
    check_engine("ray")
    with pytest.raises(RequestError, match="local, ray"):
        check_engine("spark")
