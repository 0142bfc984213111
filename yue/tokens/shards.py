"""Rows to documents in several processes; what comes out does not depend on how many.

The unit of work is a shard: some neighbouring lines. A song's document depends on its line and the
options alone, and shards come back in their order, so any number of processes and any size of
shards give the same documents in the same order.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path

from yue.errors import SongError, TokenFileError
from yue.tokens.assemble import Assembled, Assembler
from yue.tokens.options import Options
from yue.tokens.rows import Rejected, parse_row, rejected
from yue.tokens.text import TextTokenizer
from yue.tokens.vocabulary import CodecRange

Line = tuple[int, bytes]

SHARD = 32
"""Lines of a shard."""

IN_PROCESS = 32
"""Shards that are done before other processes would be worth their start."""

_AHEAD = 3  # shards of each process that are under way or waiting to be written


@dataclass(frozen=True)
class Job:
    """What to do with lines.

    Attributes:
        name: What messages call the file.
        root: Folder against which the rows' paths are resolved.
        tokenizer: A SentencePiece model.
        codec: The codec of the codes.
        options: How rows become documents.
        wanted: The songs to write; all where None.
    """

    name: str
    root: Path
    tokenizer: Path
    codec: CodecRange
    options: Options
    wanted: frozenset[str] | None

    def load_text(self) -> TextTokenizer:
        """The text tokenizer."""
        specials = self.options.specials_in_text or not self.options.strict
        return TextTokenizer(self.tokenizer, specials_in_text=specials)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a line.

    Attributes:
        place: The row, for messages.
        song_id: Its song, or None where the line does not say.
        result: The document with what was left out of it, or why there is none.
    """

    place: str
    song_id: str | None
    result: Assembled | Rejected


class Worker:
    """Does shards of a job.

    Args:
        job: The job.
        text: Its tokenizer.
    """

    def __init__(self, job: Job, text: TextTokenizer) -> None:
        self._job = job
        self._assembler = Assembler(job.root, text, job.codec, job.options)

    def do(self, shard: Iterable[Line]) -> list[Outcome]:
        """The outcome of each line, in order; lines of songs that are not wanted have none."""
        return [outcome for line in shard if (outcome := self._outcome(*line)) is not None]

    def _outcome(self, number: int, line: bytes) -> Outcome | None:
        place = f"{self._job.name}:{number}"
        row = parse_row(line, place, self._job.options)
        song_id = row.song_id if isinstance(row, Rejected) else row.id
        if self._job.wanted is not None and song_id is not None and song_id not in self._job.wanted:
            return None
        if isinstance(row, Rejected):
            return Outcome(place, song_id, row)
        try:
            return Outcome(row.place, song_id, self._assembler.assemble(row))
        except SongError as error:
            return Outcome(row.place, song_id, rejected(error, song_id))


def outcomes(
    job: Job, text: TextTokenizer, lines: Iterable[Line], workers: int
) -> Iterator[Outcome]:
    """The outcomes of lines, in their order.

    Args:
        job: What to do.
        text: Its tokenizer.
        lines: Numbered lines.
        workers: Processes; 0 is one for each core. Few lines are done in this process.

    Raises:
        TokenFileError: A process died.
    """
    shards = _shards(lines)
    few = list(islice(shards, IN_PROCESS + 1))
    if workers == 1 or len(few) <= IN_PROCESS:
        worker = Worker(job, text)
        for shard in chain(few, shards):
            yield from worker.do(shard)
    else:
        yield from _in_processes(job, chain(few, shards), workers or _cores())


def _shards(lines: Iterable[Line]) -> Iterator[tuple[Line, ...]]:
    rest = iter(lines)
    while shard := tuple(islice(rest, SHARD)):
        yield shard


def _in_processes(job: Job, shards: Iterable[tuple[Line, ...]], workers: int) -> Iterator[Outcome]:
    # Fresh processes: a fork would copy the locks of whatever threads the caller has.
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_start, initargs=(job,)
    )
    waiting: deque[Future[list[Outcome]]] = deque()
    try:
        for shard in shards:
            waiting.append(pool.submit(_do, shard))
            if len(waiting) >= workers * _AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        raise TokenFileError(
            f"{job.name}: a worker process died",
            why="the machine ran out of memory, or a library crashed",
            fix="run again with fewer runtime.workers (--workers)",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_worker: Worker | None = None  # of this process


def _start(job: Job) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    _worker = Worker(job, job.load_text())


def _do(shard: tuple[Line, ...]) -> list[Outcome]:
    if _worker is None:
        raise RuntimeError("the process was not started by _start")
    return _worker.do(shard)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
