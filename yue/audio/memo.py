"""Per-song work through the store: only what is not there yet is done, and at once added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from yue.audio.pool import map_songs
from yue.errors import AudioError
from yue.rejections import Rejected
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
    """Have every job's entry in the store.

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
