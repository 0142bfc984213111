"""Per-song work through the store: only what is not there yet is done, and at once added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from yue.audio.pool import map_songs
from yue.audio.rejected import Rejected
from yue.errors import AudioError
from yue.store import Store


class Job(Protocol):
    """One song's work, as it is sent to a worker."""

    @property
    def song_id(self) -> str:
        """The song."""
        ...

    @property
    def key(self) -> str:
        """Where its result is in the store."""
        ...


_Job = TypeVar("_Job", bound=Job)


@dataclass(frozen=True)
class Finished:
    """What became of the jobs.

    Attributes:
        folders: Song to a folder with the files of its entry, to be moved from.
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
    scratch: Path,
    workers: int,
    label: str,
) -> Finished:
    """Have every job's entry in the store, and its files in a folder of their own.

    Args:
        jobs: One for each song; the first are started first.
        work: Run in a worker for a job that has no entry: adds it, or says why there is none.
        store: The store.
        scratch: An empty folder on the store's file system.
        workers: Processes; 0 is one for each core.
        label: What the progress line says.
    """
    folders = {job.song_id: scratch / str(number) for number, job in enumerate(jobs)}
    absent = [job for job in jobs if not store.restore(job.key, folders[job.song_id])]
    outcomes = map_songs(work, absent, workers=workers, label=label)
    failed = {}
    for job, outcome in zip(absent, outcomes, strict=True):
        if outcome is not None:
            failed[job.song_id] = outcome
            del folders[job.song_id]
        elif not store.restore(job.key, folders[job.song_id]):
            raise AudioError(
                f"{store.root}: the entry of song '{job.song_id}' has vanished",
                fix="run again, and let nothing delete the store meanwhile",
            )
    return Finished(folders, failed, len(jobs) - len(absent))
