"""A folder of photos in, a folder of edited photos out."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from dftnet.editing.edit import edit
from dftnet.editing.editor import Editor
from dftnet.editing.folder import edit_folder
from dftnet.editing.options import THERE, SaveOptions
from dftnet.editing.photo import edit_photo
from dftnet.errors import RequestError
from dftnet.inference.sessions import GeneratorSession
from dftnet.media.formats import PHOTO_SUFFIXES
from dftnet.media.share import WHOLE, Share
from tests.synthetic_model import write_generator


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    return Editor(GeneratorSession(write_generator(tmp_path_factory.mktemp("model") / "g"), threads=1))


def test_each_photo_keeps_its_name_where_its_format_can_be_written(tmp_path: Path, editor: Editor) -> None:
    photo = Image.fromarray(skimage.data.astronaut()[:256, 80:336])
    (tmp_path / "in").mkdir()
    for suffix in PHOTO_SUFFIXES:
        photo.save(tmp_path / f"in/{suffix[1:]}{suffix}", "PNG" if suffix == ".apng" else None)
    photo.save(tmp_path / "in/other.gif")
    done = edit_folder(editor, tmp_path / "in", {"AU12": 0.8}, tmp_path / "out", workers=2)
    assert not done.failed
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted([*(f"{suffix[1:]}{suffix}" for suffix in PHOTO_SUFFIXES), "other.gif.png"])
    assert "avif.avif" in names or ".avif" not in PHOTO_SUFFIXES


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_two_shares_are_the_whole_folder(tmp_path: Path, editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = Image.fromarray(skimage.data.astronaut()[:256, 80:336])
    for i in range(6):
        (tmp_path / f"in/{i % 3}").mkdir(parents=True, exist_ok=True)
        photo.rotate(i).save(tmp_path / f"in/{i % 3}/{i}.png")
    run = lambda out, share=WHOLE: edit_folder(  # noqa: E731
        editor, tmp_path / "in", {"AU12": 0.8}, tmp_path / out, save=SaveOptions(share=share), workers=1
    )
    whole = run("whole")
    first = run("shared", Share(0, 2))
    assert 0 < len(first.written) < 6
    # the other share is killed at its second photo, and run again
    calls = []

    def killed(*args: object, **more: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return edit_photo(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("dftnet.editing.folder.edit_photo", killed)
    with pytest.raises(KeyboardInterrupt):
        run("shared", Share(1, 2))
    monkeypatch.undo()
    second = run("shared", Share(1, 2))
    assert THERE in second.skipped.values()
    assert sorted([*first.written, *second.written, *second.skipped]) == sorted(whole.written)
    assert folder_bytes(tmp_path / "shared") == folder_bytes(tmp_path / "whole")


def test_a_share_is_of_a_folder(tmp_path: Path, editor: Editor) -> None:
    Image.fromarray(skimage.data.astronaut()[:256, 80:336]).save(tmp_path / "a.png")
    with pytest.raises(RequestError, match="--shard is for a folder"):
        edit(tmp_path / "a.png", {"AU12": 0.8}, editor=editor, save=SaveOptions(share=Share(0, 2)))


def test_nobody_enters_the_copies_who_may_not_enter_the_folder(tmp_path: Path, editor: Editor) -> None:
    """Photos that all may read, in a folder that one may enter."""
    (tmp_path / "in/deep").mkdir(parents=True)
    Image.fromarray(skimage.data.astronaut()[:256, 80:336]).save(tmp_path / "in/deep/a.jpg")
    (tmp_path / "in").chmod(0o750)
    (tmp_path / "in/deep").chmod(0o700)
    edit_folder(editor, tmp_path / "in", {"AU12": 0.8}, tmp_path / "out/there", workers=1)
    assert (tmp_path / "out/there/deep/a.jpg").is_file()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("out/there", "out/there/deep")]
    assert modes == [0o750, 0o700]


def test_a_folder_at_an_address_is_edited_as_one_of_the_disk(tmp_path: Path, editor: Editor) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    photo = Image.fromarray(skimage.data.astronaut()[:256, 80:336])
    for name in ("1.jpg", "a/2.png", "a-b/3.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        photo.save(tmp_path / "in" / name)
    (tmp_path / "in/none.png").write_bytes(b"no picture")
    (tmp_path / "in/clip.mp4").write_bytes(b"no clip")
    (tmp_path / "in/.hidden.png").write_bytes(b"")
    memory.put(f"{tmp_path / 'in'}/", "/bucket/in/", recursive=True)
    near = edit(tmp_path / "in", {"AU12": 0.8}, tmp_path / "near", editor=editor)
    far = edit("memory://bucket/in", {"AU12": 0.8}, tmp_path / "far", editor=editor)
    assert folder_bytes(tmp_path / "far") == folder_bytes(tmp_path / "near")
    assert (far.written, far.lines, far.skipped) == (near.written, near.lines, near.skipped)
    assert far.written == ["1.jpg", "a/2.png", "a-b/3.png"]
    assert far.failed.keys() == {"none.png"}
    assert "memory://bucket/in/none.png" in far.failed["none.png"]
    again = edit("memory://bucket/in", {"AU12": 0.8}, tmp_path / "far", editor=editor)
    assert [name for name, why in again.skipped.items() if why == THERE] == far.written
    memory.rm("/bucket", recursive=True)


def test_addresses_are_of_folders_that_are_read(tmp_path: Path, editor: Editor) -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(OSError, match="s3://bucket/out is an address, and nothing is written there"):
        edit(tmp_path, {"AU12": 0.8}, "s3://bucket/out", editor=editor)
    with pytest.raises(RequestError, match="of several files each is a photo"):
        edit(["memory://a", "memory://b"], {"AU12": 0.8}, tmp_path / "out", editor=editor)
    with pytest.raises(RequestError, match="name another folder with -o"):
        edit("memory://a", {"AU12": 0.8}, editor=editor)
    with pytest.raises(FileNotFoundError, match="nothing is found at memory://nowhere"):
        edit("memory://nowhere", {"AU12": 0.8}, tmp_path / "out", editor=editor)
    assert not (tmp_path / "out").exists()
