"""Files and directories that appear whole or not at all, and their SHA-256.

    with atomic_file("a.npz") as temporary:          # a path beside it to write to
        np.savez(temporary, ...)
    with atomic_directory("model", overwrite=True) as temporary:
        (temporary / "config.json").write_text(...)

On leaving, the temporary becomes the real thing in one step of the file system; on an exception it vanishes. A process that
is killed leaves the old file or directory as it was (never half of either), and beside it a hidden temporary, which the next
run clears away: its owner holds a lock on it that ends with the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import itertools
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no locks, so leftovers are passed over
    fcntl = None  # type: ignore[assignment]

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+(::[a-z0-9+.-]+)*:/", re.IGNORECASE)
"""Two letters at least before the colon: C:/ is a disk. One slash, since pathlib keeps no more."""
LONGEST_NAME = 255
"""Bytes of a name that file systems allow."""
SHOWN = 60
"""Bytes of a name that its temporary repeats."""


@contextlib.contextmanager
def atomic_file(path: str | Path, overwrite: bool = False, readers: int | None = None) -> Iterator[Path]:
    """A temporary path beside `path`, with its suffix, to write to; on leaving it becomes `path`.

    Creates the folder; writes to where a symbolic link points. A file that is replaced passes its permissions on;
    `readers` are permissions that a new one may not exceed (those of the photo that it was made from).
    Raises FileExistsError if `path` exists and `overwrite` is false, OSError in one line that names `path`, also for an address.
    """
    path = check_file(path, overwrite)
    with _told(path):
        place = Path(os.path.realpath(path)) if path.is_symlink() else path
        place.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(place.stat().st_mode) if place.exists() else None
    limit = mode if mode is not None else readers if readers is not None else 0o666
    with _temporary(path, place, 0o600 | (limit & 0o666)) as temporary:
        yield temporary
        with _told(path):
            _to_disk(temporary)
            if mode is not None:
                temporary.chmod(mode)
            if path.exists() and not overwrite:
                raise FileExistsError(f"{path} was created meanwhile: choose another name or allow overwriting")
            os.replace(temporary, place)


@contextlib.contextmanager
def atomic_files(
    folder: str | Path, overwrite: bool = False, readers: int | None = None
) -> Iterator[Callable[[str, bytes], Path]]:
    """What puts a file with a name and its bytes into a folder, and returns its path; all of them appear when the block is done,
    none if it fails, and then not the folder either where it is new. See `atomic_file`."""
    folder = Path(folder)
    there = folder.exists()
    try:
        with contextlib.ExitStack() as together:

            def put(name: str, data: bytes) -> Path:
                together.enter_context(atomic_file(folder / name, overwrite, readers)).write_bytes(data)
                return folder / name

            yield put
    except BaseException:
        if not there:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def check_file(path: str | Path, overwrite: bool = False) -> Path:
    """The path of a file that is to be written; OSError with the remedy, before any work, where that cannot be: for an address, a
    folder, a file that is in the way and may not be replaced, or a place that holds no files."""
    refuse_address(path)
    path = Path(path)
    with _told(path):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.lstat(path)  # a name that is too long
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder: give the name of a file, such as {path / 'NAME'}")
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists: choose another name or allow overwriting (--overwrite)")
        if path.exists() and not path.is_file():
            raise FileExistsError(f"{path} is no plain file: choose another name")
        place = Path(os.path.realpath(path)) if path.is_symlink() else path
        _check_place(path, place.parent)
    return path


def check_folder(path: str | Path) -> Path:
    """The path of a folder that is to be written into, there already or not; OSError with the remedy, before any work, where that
    cannot be."""
    refuse_address(path)
    path = Path(path)
    with _told(path):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.lstat(path)
        if path.exists() and not path.is_dir():
            raise FileExistsError(f"{path} is a file: give the name of a folder")
        if path.is_symlink() and not path.exists():
            raise FileExistsError(f"{path} is a link to nothing: choose another name, or remove it")
        _check_place(path, path)
    return path


def _check_place(path: Path, folder: Path) -> None:
    """OSError about `path` where nothing can be written into `folder`, there already or not: a file lies on the way, or what is
    there may not be written into."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), Path())
    if not there.is_dir():
        raise NotADirectoryError(f"cannot write {path}: {there} is a file, not a folder; name another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(f"cannot write {path}: nothing may be written into {there}; name another place")


def write_file(path: str | Path, data: bytes | str, overwrite: bool = False, readers: int | None = None) -> Path:
    """Write bytes, or text as UTF-8 (names of files that are none as they are), see `atomic_file`; returns the path."""
    with atomic_file(path, overwrite, readers) as temporary:
        temporary.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))
    return Path(path)


def read_file(path: str | Path, what: str = "file") -> bytes:
    """The bytes of a file; FileNotFoundError, or another OSError in one line, where there are none."""
    path = check_there(path, what)
    with _told(path, verb="read"):
        return path.read_bytes()


def check_there(path: str | Path, what: str = "file") -> Path:
    """The path of a file or folder that is to be read; OSError in one line where it is not there (`what` says what was looked
    for) or may not be read."""
    path = Path(path)
    with _told(path, verb="read"):
        if path.is_symlink() and not path.exists():
            raise FileNotFoundError(f"{path} is a link to {os.readlink(path)}, which is not there")
        if not path.exists():
            raise FileNotFoundError(f"no such {what}: {path}")
        if not os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return path


@contextlib.contextmanager
def atomic_directory(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """An empty temporary directory beside `path` to fill; on leaving it becomes `path`, in place of what was there.

    Raises FileExistsError if `path` is a file, or holds something and `overwrite` is false.
    """
    path = Path(path)
    place = check_folder(os.path.realpath(path) if path.is_symlink() else path)
    with _told(path):
        aside = _beside(place, "old")
        if aside.exists():  # a run was killed between the two steps of `_put`
            shutil.rmtree(aside) if place.exists() else aside.rename(place)
        if place.exists() and any(place.iterdir()) and not overwrite:
            raise FileExistsError(f"{path} exists: choose another name or allow overwriting (--overwrite)")
        place.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path, place, None) as temporary:
        yield temporary
        with _told(path):
            for file in temporary.rglob("*"):
                if file.is_file():
                    _to_disk(file)
            _put(temporary, place, aside)


def is_address(path: object) -> bool:
    """Whether a path is not of this machine's disks but an address, such as s3://bucket/photos (`media.address`)."""
    return isinstance(path, str | Path) and ADDRESS.match(str(path)) is not None


def refuse_address(path: object) -> None:
    """OSError where something is to be written to an address: without it a folder "s3:" would come up here."""
    if is_address(path):
        raise OSError(
            f"{path} is an address, and nothing is written there: name a place on a disk, and copy it afterwards"
        )


def readers_of(path: str | Path) -> int:
    """The permissions of a file, for `atomic_file`."""
    return stat.S_IMODE(Path(path).stat().st_mode)


def make_folder(path: str | Path, like: str | Path) -> None:
    """A new folder that nobody may enter who may not enter `like`; nothing where it exists."""
    with contextlib.suppress(FileExistsError):
        Path(path).mkdir(mode=0o700 | readers_of(like))


def beside(path: str | Path, ending: str) -> Path:
    """photo.jpg and "-edited.png" → photo-edited.png beside it; a name that would be too long is cut before the ending."""
    path = Path(path)
    room = LONGEST_NAME - len(os.fsencode(ending))
    stem = path.stem
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return path.with_name(stem + ending)


def clear_leftovers(folder: str | Path) -> None:
    """Remove from a folder what killed runs left of files and directories that did not get their names."""
    for path in Path(folder).glob(".*.tmp*"):
        _clear(path)


def file_sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _put(temporary: Path, place: Path, aside: Path) -> None:
    """Directory `temporary` → `place`: exchanged in one step where the system can, else what was there goes `aside` first."""
    if not place.exists():
        os.rename(temporary, place)
    elif _exchange(temporary, place):
        _clear(temporary, ours=True)
    else:
        os.rename(place, aside)
        os.rename(temporary, place)
        shutil.rmtree(aside)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where the system or the file system cannot (Linux can, mostly)."""
    try:
        swap = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return swap(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0


@contextlib.contextmanager
def _temporary(path: Path, place: Path, mode: int | None) -> Iterator[Path]:
    """A new file of this mode beside `place`, or a directory without one; removed on an exception."""
    with _told(path):
        temporary, lock = _claim(place, mode)
    try:
        with _told(path, temporary):
            yield temporary
    except BaseException:
        if mode is None:
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
        raise
    finally:  # not before: once it is renamed, the name may already be another writer's
        if lock is not None:
            os.close(lock)


def _claim(place: Path, mode: int | None) -> tuple[Path, int | None]:
    """A temporary of our own beside `place`, and the open file whose lock tells others that its owner lives."""
    for number in itertools.count():
        temporary = _beside(place, str(number) if fcntl is not None and number < 100 else secrets.token_hex(6))
        while True:
            try:
                if mode is None:
                    temporary.mkdir()
                else:
                    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
            except FileExistsError:
                if _clear(temporary):
                    continue
                break
            with contextlib.suppress(BlockingIOError, FileNotFoundError):
                return temporary, _lock(temporary)
            # another run took it for a leftover in the moment before the lock: once more
    raise AssertionError


def _clear(temporary: Path, ours: bool = False) -> bool:
    """Remove what a killed run left; False where its owner lives, or where nobody can tell and it is not ours."""
    try:
        lock = _lock(temporary)
    except OSError:
        return False
    try:
        if lock is None and not ours:
            return False
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink()
    except OSError:
        return False
    finally:
        if lock is not None:
            os.close(lock)
    return True


def _lock(temporary: Path) -> int | None:
    """The open file or directory, locked until it is closed or the process ends; None where the system has no locks.

    Raises BlockingIOError where another holds the lock, FileNotFoundError where the name is gone.
    """
    if fcntl is None:
        return None
    handle = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), os.stat(temporary)):
            return handle
    except (BlockingIOError, FileNotFoundError):
        os.close(handle)
        raise
    except OSError:  # a file system without locks
        os.close(handle)
        return None
    os.close(handle)
    raise FileNotFoundError(temporary)


def _beside(place: Path, word: str) -> Path:
    """The hidden name of a temporary: as much of the name as fits, the suffix last, since some writers look at it."""
    name, suffix = os.fsencode(place.name), place.suffix if len(os.fsencode(place.suffix)) < 16 else ""
    digest = hashlib.sha256(name).hexdigest()[:8] if len(name) > SHOWN else ""
    return place.with_name(f".{os.fsdecode(name[:SHOWN])}{digest}.{word}.tmp{suffix}")


def _to_disk(file: Path) -> None:
    with file.open("rb+") as written:
        os.fsync(written.fileno())


def in_words(error: OSError, path: str | Path, verb: str) -> str:
    """An error of the system about `path`, met when it was to be read or written, in one line with the remedy."""
    path = Path(path)
    full = f"the disk is full while writing {path}: free some space and run again"
    whole = {
        errno.ENOSPC: full,
        errno.EDQUOT: full,
        errno.EFBIG: f"{path} is too large a file for this disk: write to another one",
        errno.ENAMETOOLONG: f"{path.name} is too long a name for this disk: choose a shorter one",
    }
    if error.errno in whole:
        return whole[error.errno]
    remedy = ""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        told = {"write": "; name another place", "read": "; allow reading it (chmod +r)"}
        remedy = told.get(verb, "; allow it (chmod), or take another place")
    return f"cannot {verb} {path}: {(error.strerror or 'the system refuses').lower()}{remedy}"


@contextlib.contextmanager
def _told(path: Path, temporary: Path | None = None, verb: str = "write") -> Iterator[None]:
    """An OSError of the system becomes one line that names `path`; with `temporary`, only one that is about that name."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # told already
            raise
        names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
        if temporary is not None and error.errno != errno.ENOSPC and not any(str(temporary) in name for name in names):
            raise
        told = (type(error) if type(error).__module__ == "builtins" else OSError)(  # FFmpeg's are made otherwise
            in_words(error, path, verb)
        )
        told.errno = error.errno
        raise told from None
