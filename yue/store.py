"""The per-song store: finished results, found again by what they were made from.

An entry is a flat folder of files under a key (a digest of the inputs, the parameters and the
algorithm's version) beside a manifest of what they are. Entries appear whole, by one rename, so any
number of processes may add at once and a killed one leaves nothing half made. An entry counts as
absent when a file has another size than the manifest says, or has other bytes: small files are read
each time, so that none of them waits for the disk when it is written; large ones are read when they
were written since, by their time stamp. The store may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from yue.errors import AudioError
from yue.files import adopt, file_digest, sync
from yue.rejections import Rejected
from yue.temporary import sweep, temporary_folder
from yue.workers import map_songs

_MANIFEST = ".manifest.json"
_FICLONE = 0x40049409  # Linux: share the blocks of another file, copied on write
_READ_ONLY = 0o444
_SMALL = 64 * 1024  # bytes; reading them takes less than waiting until they are on the disk
_SCRATCH = "scratch"


class Store:
    """Content-addressed results in a folder.

    Args:
        root: The store's folder; it is made when the first entry is added.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._reflinks = True  # until the file system says that it has none

    def restore(self, key: str, folder: Path) -> bool:
        """Put an entry's files into ``folder`` (made if needed, files of the same name replaced).

        The files may share their bytes with the store: replace them, never write into them.

        Returns:
            False if there is no such entry or it is damaged; nothing is left in ``folder`` then.
        """
        entry = self.find(key)
        if entry is None:
            return False
        folder.mkdir(parents=True, exist_ok=True)
        names = [path.name for path in entry.iterdir() if path.name != _MANIFEST]
        try:
            for name in names:
                self.place(entry / name, folder / name)
        except FileNotFoundError:  # somebody is deleting the store
            for name in names:
                (folder / name).unlink(missing_ok=True)
            return False
        return True

    def find(self, key: str) -> Path | None:
        """Return the folder of an intact entry, only to be read; None if there is none."""
        entry = self._entry_folder(key)
        return entry if _is_intact(entry) else None

    def place(self, source: Path, target: Path) -> None:
        """Make ``target`` a new file with the bytes of ``source``: reflink, hard link or copy."""
        target.unlink(missing_ok=True)
        self._reflinks = self._reflinks and _reflink(source, target)
        if self._reflinks:
            return
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:  # another file system, too many links, or no links at all
            shutil.copyfile(source, target)

    def add(self, key: str, folder: Path) -> None:
        """Adopt the regular files of a flat folder as the entry ``key``.

        The files stay where they are but become read-only: the store may share their bytes.
        An intact entry of that key is kept, since it was made from the same things.
        """
        entry = self._entry_folder(key)
        entry.parent.mkdir(parents=True, exist_ok=True)
        with self.scratch() as temporary:
            new = temporary / "entry"
            new.mkdir()
            files = sorted(path for path in folder.iterdir() if path.is_file())
            for path in files:
                self.place(path, new / path.name)
                (new / path.name).chmod(_READ_ONLY)
                if path.stat().st_size > _SMALL:
                    sync(new / path.name)  # a size alone must mean that they are there
            states = {path.name: _describe_file(new / path.name) for path in files}
            (new / _MANIFEST).write_text(json.dumps(states))
            attempts = itertools.count()
            while not adopt(new, entry):
                if _is_intact(entry):
                    return
                with contextlib.suppress(FileNotFoundError):  # another process may repair it first
                    entry.rename(temporary / f"damaged-{next(attempts)}")

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Make a temporary folder on the store's own file system, removed at the end."""
        with temporary_folder(self.root / _SCRATCH) as temporary:
            yield temporary

    def sweep(self) -> None:
        """Remove the scratch folders of killed processes."""
        sweep(self.root / _SCRATCH)

    def _entry_folder(self, key: str) -> Path:
        if not key.isalnum():
            raise ValueError(f"not a digest: {key!r}")
        return self.root / key[:2] / key


def _describe_file(path: Path) -> list[int | str]:
    state = path.stat()
    return [state.st_size, state.st_mtime_ns, file_digest(path)]


def _is_intact(entry: Path) -> bool:
    """Return whether an entry is there and every file is what was recorded."""
    try:
        recorded = json.loads((entry / _MANIFEST).read_bytes())
        return all(_is_unchanged(entry / name, *state) for name, state in recorded.items())
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def _is_unchanged(path: Path, size: int, written: int, digest: str) -> bool:
    """Return whether a file is as recorded; one with another time, as of a copy, is read."""
    state = path.stat()
    if state.st_size != size:
        return False
    if size > _SMALL and state.st_mtime_ns == written:
        return True
    return file_digest(path) == digest


def _reflink(source: Path, target: Path) -> bool:
    with source.open("rb") as old, target.open("xb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:
            target.unlink()
            return False
    return True


class StoreJob(Protocol):
    """One song's work, as it is sent to a worker."""

    @property
    def song_id(self) -> str:
        """The song."""
        ...

    @property
    def key(self) -> str:
        """Where its result is in the store."""
        ...


_Job = TypeVar("_Job", bound=StoreJob)


@dataclass(frozen=True)
class Finished:
    """What became of the jobs.

    Attributes:
        folders: Song to the folder of its entry in the store, only to be read.
        failed: Song to why it was left out.
        reused: How many of the songs came from the store.
    """

    folders: dict[str, Path]
    failed: dict[str, Rejected]
    reused: int


def finish(
    jobs: Sequence[_Job],
    work: Callable[[_Job], Rejected | None],
    *,
    store: Store,
    workers: int,
    label: str,
) -> Finished:
    """Bring every job's entry into the store: what is not there yet is made and added.

    Args:
        jobs: One for each song; the first are started first.
        work: Run in a worker for a job that has no entry: adds it, or says why there is none.
        store: The store.
        workers: Processes; 0 is one for each core.
        label: What the progress line says.
    """
    store.sweep()
    folders = {job.song_id: entry for job in jobs if (entry := store.find(job.key)) is not None}
    absent = [job for job in jobs if job.song_id not in folders]
    reused = len(folders)
    failed = {}
    for job, outcome in zip(
        absent, map_songs(work, absent, workers=workers, label=label), strict=True
    ):
        entry = store.find(job.key)
        if outcome is not None:
            failed[job.song_id] = outcome
        elif entry is not None:
            folders[job.song_id] = entry
        else:
            raise AudioError(
                f"{store.root}: the entry of song '{job.song_id}' has vanished",
                fix="run again, and let nothing delete the store meanwhile",
            )
    return Finished(folders, failed, reused)
