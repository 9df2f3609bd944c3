"""Files and directories that appear whole or not at all, wherever the process is killed."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from dftnet.media import files
from dftnet.media.files import atomic_directory, atomic_file, beside, file_sha256, is_address, write_file

KILLED = 9


def killed_at(step: int, act) -> bool:
    """Run `act` in a process of its own that dies before its `step`-th call of the file system; whether it died."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(event: str, _) -> None:
            nonlocal seen
            if event.startswith(("os.", "open", "shutil.", "fcntl.", "ctypes.")):
                seen += 1
                if seen > step:
                    os._exit(KILLED)

        try:
            sys.addaudithook(count)
            act()
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    return code == KILLED


def fill(folder: Path, word: str) -> None:
    with atomic_directory(folder, overwrite=True) as temporary:
        (temporary / "sub").mkdir()
        for name in ("config.json", "sub/weights"):
            (temporary / name).write_text(word)


def read(folder: Path) -> set[str]:
    """The words in a directory: one where it is whole."""
    return {(folder / name).read_text() for name in ("config.json", "sub/weights")}


@pytest.mark.parametrize("exchange", [True, False])
def test_a_directory_is_whole_wherever_the_process_is_killed(tmp_path: Path, monkeypatch, exchange: bool) -> None:
    """Also the second time, when there is one to replace; what was left is cleared away by the next run."""
    if not exchange:  # systems that cannot swap two names in one step
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    folder = tmp_path / "model"
    step, died = 0, True
    while died:
        died = killed_at(step, lambda: fill(folder, "first"))
        assert not folder.exists() or read(folder) == {"first"}
        step += 1
    assert read(folder) == {"first"}
    step, died, gone = 0, True, 0
    while died:
        died = killed_at(step, lambda: fill(folder, "second"))
        if exchange or folder.exists():
            assert read(folder) in ({"first"}, {"second"})
        else:
            gone += 1
        fill(folder, "first")
        assert read(folder) == {"first"}
        assert [p.name for p in tmp_path.iterdir()] == ["model"]
        step += 1
    assert step > 20
    assert gone == (0 if exchange else 1), "without the exchange there is one moment in which there is none"


def test_what_stood_aside_comes_back_after_a_kill(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(files, "_exchange", lambda *_: False)
    folder = tmp_path / "model"
    fill(folder, "first")
    step = 0
    while folder.exists():
        assert killed_at(step, lambda: fill(folder, "second"))
        step += 1
    with pytest.raises(RuntimeError), atomic_directory(folder, overwrite=True):
        raise RuntimeError
    assert read(folder) == {"first"}


def test_a_file_is_whole_wherever_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    step, died = 0, True
    while died:
        path.write_text("first")
        died = killed_at(step, lambda: write_file(path, "second", overwrite=True))
        assert path.read_text() == ("first" if died and path.read_text() == "first" else "second")
        step += 1
    assert path.read_text() == "second"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert step > 5


def test_two_writers_of_one_name_do_not_meet(tmp_path: Path) -> None:
    """A temporary whose owner lives is no leftover: of threads, and of processes."""
    path = tmp_path / "a.txt"
    with atomic_file(path, overwrite=True) as mine:
        mine.write_text("mine")
        with atomic_file(path, overwrite=True) as other:
            assert other != mine
            other.write_text("other")
        assert path.read_text() == "other"
        assert not killed_at(10**9, lambda: write_file(path, "third", overwrite=True))
        assert mine.read_text() == "mine"
    assert path.read_text() == "mine"
    texts = [f"{i}" * 1000 for i in range(8)]
    threads = [threading.Thread(target=write_file, args=(path, text, True)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "model", "first")

    def half_a_directory() -> None:
        with atomic_directory(tmp_path / "model", overwrite=True) as temporary:
            (temporary / "config.json").write_text("half")
            raise RuntimeError

    def half_a_file() -> None:
        with atomic_file(tmp_path / "new/a.txt") as temporary:
            temporary.write_text("half")
            raise RuntimeError

    for act in (half_a_directory, half_a_file):
        with pytest.raises(RuntimeError):
            act()
    assert read(tmp_path / "model") == {"first"}
    assert list((tmp_path / "new").iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "new"]


def test_nothing_that_exists_is_replaced_unasked(tmp_path: Path) -> None:
    fill(tmp_path / "model", "first")
    (tmp_path / "empty").mkdir()
    write_file(tmp_path / "a.txt", b"first")
    with pytest.raises(FileExistsError, match="overwrit"), atomic_directory(tmp_path / "model"):
        pass
    with pytest.raises(FileExistsError, match="is a file"), atomic_directory(tmp_path / "a.txt", overwrite=True):
        pass
    with atomic_directory(tmp_path / "empty") as temporary:
        (temporary / "x").touch()
    assert (tmp_path / "empty/x").exists()
    with pytest.raises(FileExistsError, match="overwrit"):
        write_file(tmp_path / "a.txt", "second")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write_file(tmp_path / "model", "second", overwrite=True)
    with pytest.raises(FileExistsError, match="meanwhile"), atomic_file(tmp_path / "b.txt") as temporary:
        (tmp_path / "b.txt").write_text("of another")
    assert (tmp_path / "b.txt").read_text() == "of another"


def test_permissions(tmp_path: Path) -> None:
    """A replaced file passes its own on, a new one obeys the umask and the limit given."""
    path = write_file(tmp_path / "a", "1")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o600)
    write_file(path, "2", overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o444)
    write_file(path, "3", overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    secret = write_file(tmp_path / "b", "1", readers=0o400)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    shared = write_file(tmp_path / "c", "1", readers=0o777)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o666 & ~umask


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real/a.txt", tmp_path / "link.txt"
    link.symlink_to("real/a.txt")
    write_file(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    with pytest.raises(FileExistsError):
        write_file(link, "newer")
    write_file(link, "newer", overwrite=True)
    assert link.is_symlink()
    assert target.read_text() == "newer"
    assert [p.name for p in (tmp_path / "real").iterdir()] == ["a.txt"]
    fill(tmp_path / "model-1", "first")
    (tmp_path / "model").symlink_to("model-1")
    fill(tmp_path / "model", "second")
    assert (tmp_path / "model").is_symlink()
    assert read(tmp_path / "model-1") == {"second"}


@pytest.mark.parametrize("name", ["é" * 125 + ".png", "a" * 255, "x." + "y" * 253])
def test_names_as_long_as_names_may_be(tmp_path: Path, name: str) -> None:
    write_file(tmp_path / name, "1")
    write_file(tmp_path / name, "2", overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    assert write_file(path, "1").read_text() == "1"


def test_errors_name_the_file_and_no_number(tmp_path: Path) -> None:
    def error(act) -> str:
        with pytest.raises(OSError) as caught:
            act()
        assert "tmp" not in str(caught.value).replace(str(tmp_path), "")
        assert "rrno" not in str(caught.value)
        return str(caught.value)

    assert "too long a name" in error(lambda: write_file(tmp_path / ("a" * 256), "1"))
    (tmp_path / "file").touch()
    assert f"cannot write {tmp_path / 'file/a.txt'}" in error(lambda: write_file(tmp_path / "file/a.txt", "1"))
    with pytest.raises(OSError, match=r"disk is full.*free some space") as full, atomic_file(tmp_path / "x"):
        raise OSError(28, "No space left on device")
    assert full.value.errno == 28
    os.mkfifo(tmp_path / "pipe")
    assert "no plain file" in error(lambda: write_file(tmp_path / "pipe", "1", overwrite=True))

    def vanish() -> None:
        with atomic_file(tmp_path / "y.txt") as temporary:
            temporary.unlink()

    assert f"cannot write {tmp_path / 'y.txt'}: no such file" in error(vanish)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match=r"cannot write .*a\.txt: permission denied"):
        write_file(tmp_path / "a.txt", "1")


def test_a_name_beside_another_is_never_too_long() -> None:
    assert beside("x/photo.jpg", "-edited.png") == Path("x/photo-edited.png")
    assert beside("x/" + "a" * 251 + ".jpg", "-edited.png").name == "a" * 244 + "-edited.png"
    assert beside("é" * 125 + ".jpg", "-edited.png").name == "é" * 122 + "-edited.png"


def test_sha256(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a", "abc")
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_is_an_address():
    for yes in (
        "s3://bucket/a",
        "https://x.org/a",
        "simplecache::s3://bucket/a",
        "s3:/bucket/a",
        Path("s3://bucket/a"),
    ):
        assert is_address(yes), yes
    for no in ("photos", "C:/photos", "C:\\photos", "a:b", "/a:/b", "./s3://x", b"s3://x", None):
        assert not is_address(no), no


def test_nothing_is_written_to_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for write in (lambda path: write_file(path, b"x"), lambda path: atomic_directory(path).__enter__()):
        with pytest.raises(
            OSError, match="s3:/bucket/a is an address, and nothing is written there: name a place on a disk"
        ):
            write(Path("s3://bucket/a"))
    assert not list(tmp_path.iterdir())
