"""Temporary neighbours of a path: locked while their process lives, swept once it is dead.

The lock is flock's. The kernel drops it when its holder ends, however it ends, so nothing has to be
concluded from process ids or from clocks. Where a file system has no such locks nothing is swept.
Others, NFS for folders among them, keep a lock to the machine that took it: names have a mark of
their machine, and what other machines made is left alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from yue.errors import YueError

_SUFFIX = ".new.tmp"
_BOOT = Path("/proc/sys/kernel/random/boot_id")  # Linux
_NAME_LENGTH = 50  # characters of up to four bytes; file systems take 255 bytes
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_FULL = 64 * 1024  # bytes that are left at most
_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


@contextlib.contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside ``path`` (whose parent is made), removed at the end if there.

    What killed processes left of the same path is removed first. Errors of writing are named as by
    :func:`naming`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    handle, folder = _new_folder(path)
    try:
        folder.chmod(0o755)  # mkdtemp makes 0700, which breaks shared caches
        with naming(path, folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def temporary_file(path: Path) -> tuple[int, Path]:
    """Return a new file beside ``path`` (whose parent is made), as an open descriptor and its path.

    The lock lasts until the descriptor is closed: rename the file before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with _naming_folder(path):
            handle, name = tempfile.mkstemp(prefix=_prefix(path), suffix=_SUFFIX, dir=path.parent)
        if _is_claimed(handle, Path(name)):
            return handle, Path(name)


def sweep(path: Path) -> None:
    """Remove the temporary neighbours of ``path`` that dead processes of this machine left."""
    try:
        neighbours = list(path.parent.iterdir())
    except OSError:  # not there, or not ours to read
        return
    for found in neighbours:
        if found.name.endswith(_SUFFIX) and _is_of_machine(found.name, path):
            with contextlib.suppress(OSError):  # somebody else's, or swept by another process
                _remove_if_dead(found)


@contextlib.contextmanager
def naming(path: Path, temporary: Path) -> Iterator[None]:
    """Make errors of writing say where: ``path``, which the user knows, for its ``temporary``.

    Raises:
        OSError: A write failed. Libraries raise errors of their own for that, few of which say why.
    """
    try:
        yield
    except YueError:
        raise
    except Exception as error:
        number = _write_error(error, path.parent)
        if number is None:
            raise
        place = getattr(error, "filename", None) or path
        name = str(place).replace(str(temporary), str(path))
        raise OSError(number, os.strerror(number), name) from error


def _write_error(error: Exception, folder: Path) -> int | None:
    """Return the number of the system's error behind another; None if it is none of writing."""
    number = getattr(error, "errno", None)
    in_words = re.search(r"\(os error (\d+)\)", str(error))  # as libraries in Rust tell it
    if number is None and in_words:
        number = int(in_words[1])
    if number is None:
        return errno.ENOSPC if _is_full(folder) else None
    return number if number in _WRITE_ERRORS else None


def _is_full(folder: Path) -> bool:
    try:
        state = os.statvfs(folder)
    except OSError:
        return False
    return state.f_blocks > 0 and state.f_bavail * state.f_frsize < _FULL  # no blocks: not known


@contextlib.contextmanager
def _naming_folder(path: Path) -> Iterator[None]:
    """Name ``path`` where its folder takes no new files, not a neighbour that is not there."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def exchange(one: Path, other: Path) -> bool:
    """Swap what two names stand for, in one step.

    Returns:
        False, and nothing is changed, where the system or the file system cannot.
    """
    if _renameat2 is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    return bool(_renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


def _start(path: Path) -> str:
    return f".{path.name[:_NAME_LENGTH]}."


def _prefix(path: Path) -> str:
    return f"{_start(path)}{'-'.join(_machine())}."


@cache
def _machine() -> tuple[str, str]:
    """Return marks of the running kernel, which containers share, and of the host's name."""
    name = os.uname().nodename
    try:
        kernel = _BOOT.read_text(encoding="ascii")
    except OSError:
        kernel = name
    return f"{zlib.crc32(kernel.encode()):08x}", f"{zlib.crc32(name.encode()):08x}"


def _is_of_machine(name: str, path: Path) -> bool:
    """Return whether a name is of a temporary neighbour made where our locks are seen."""
    start = _start(path)
    marks = name[len(start) :].partition(".")[0].split("-")
    return name.startswith(start) and not set(marks).isdisjoint(_machine())


def _new_folder(path: Path) -> tuple[int, Path]:
    while True:
        with _naming_folder(path):
            name = tempfile.mkdtemp(prefix=_prefix(path), suffix=_SUFFIX, dir=path.parent)
        with contextlib.suppress(FileNotFoundError):  # swept between its making and its lock
            handle = os.open(name, os.O_RDONLY)
            if _is_claimed(handle, Path(name)):
                return handle, Path(name)


def _is_claimed(handle: int, path: Path) -> bool:
    """Lock what was just made; False, and it is closed, if a sweeper was quicker."""
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX)
    if path.exists():
        return True
    os.close(handle)
    return False


def _remove_if_dead(path: Path) -> None:
    is_folder = path.is_dir()
    handle = os.open(path, (os.O_RDONLY if is_folder else os.O_RDWR) | os.O_NOFOLLOW)
    try:
        if not _is_unlocked(handle):
            return
        if is_folder:
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    finally:
        os.close(handle)


def _is_unlocked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
