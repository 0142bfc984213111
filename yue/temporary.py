"""Temporary neighbours of a path: locked while their process lives, swept once it is dead.

The lock is flock's. The kernel drops it when its holder ends, however it ends, so nothing has to be
concluded from process ids or from clocks. Where a file system has no such locks nothing is swept.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_SUFFIX = ".new.tmp"
_NAME_LENGTH = 50  # characters of up to four bytes; file systems take 255 bytes
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


@contextlib.contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """A new folder beside ``path`` (whose parent is made); removed at the end, if still there.

    What killed processes left of the same path is removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    handle, folder = _new_folder(path)
    try:
        folder.chmod(0o755)  # mkdtemp makes 0700, which breaks shared caches
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def temporary_file(path: Path) -> tuple[int, Path]:
    """A new file beside ``path`` (whose parent is made), as an open descriptor and its path.

    The lock lasts until the descriptor is closed: rename the file before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle, name = tempfile.mkstemp(prefix=_prefix(path), suffix=_SUFFIX, dir=path.parent)
        if _is_claimed(handle, Path(name)):
            return handle, Path(name)


def sweep(path: Path) -> None:
    """Remove the temporary neighbours of ``path`` whose processes are dead."""
    if not path.parent.is_dir():
        return
    for found in path.parent.iterdir():
        if found.name.startswith(_prefix(path)) and found.name.endswith(_SUFFIX):
            with contextlib.suppress(OSError):  # somebody else's, or swept by another process
                _remove_if_dead(found)


def exchange(one: Path, other: Path) -> bool:
    """Swap what two names stand for, in one step.

    Returns:
        False, and nothing is changed, where the system or the file system cannot.
    """
    if _renameat2 is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    return bool(_renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


def _prefix(path: Path) -> str:
    return f".{path.name[:_NAME_LENGTH]}."


def _new_folder(path: Path) -> tuple[int, Path]:
    while True:
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
