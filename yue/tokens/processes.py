"""Shards of a job in several processes; what comes out does not depend on how many.

Shards come back in their order. A process hands its documents over in a file: sent through a pipe
they would be copied seven times, which takes as long as making them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

import numpy as np

from yue.errors import TokenFileError
from yue.temporary import temporary_folder
from yue.tokens.assemble import Assembled
from yue.tokens.layouts.document import Document
from yue.tokens.shards import Job, Line, Outcome, Shard, Worker, shards_of
from yue.tokens.text import TextTokenizer
from yue.workers import cores, worker_pool

IN_PROCESS = 32
"""Shards that are done before other processes would be worth their start."""

_AHEAD = 3  # shards of each process that are under way or waiting to be written


@dataclass(frozen=True)
class _Parcel:
    """The outcomes of a shard; the tokens of their documents lie in a file, one after another."""

    outcomes: list[Outcome]
    file: Path


def outcomes(
    job: Job, text: TextTokenizer, lines: Iterable[Line], *, workers: int, scratch: Path
) -> Iterator[Outcome]:
    """The outcomes of lines, in their order.

    Args:
        job: What to do.
        text: Its tokenizer.
        lines: Numbered lines.
        workers: Processes; 0 is one for each core. Few lines are done in this process.
        scratch: A folder for files that are gone at the end.

    Raises:
        TokenFileError: A process died.
        OSError: There is no room in ``scratch``.
    """
    shards = shards_of(lines)
    few = list(islice(shards, IN_PROCESS + 1))
    if workers == 1 or len(few) <= IN_PROCESS:
        worker = Worker(job, text)
        for shard in chain(few, shards):
            yield from worker.do(shard)
        return
    with temporary_folder(scratch / "shards") as folder:
        yield from _in_processes(job, chain(few, shards), workers or cores(), folder)


def _in_processes(
    job: Job, shards: Iterable[Shard], workers: int, folder: Path
) -> Iterator[Outcome]:
    waiting: deque[Future[_Parcel]] = deque()
    try:
        with worker_pool(workers, _start, job, folder) as pool:
            for number, shard in enumerate(shards):
                waiting.append(pool.submit(_do, number, shard))
                if len(waiting) >= workers * _AHEAD:
                    yield from _open(waiting.popleft().result())
            while waiting:
                yield from _open(waiting.popleft().result())
    except BrokenProcessPool as error:
        raise TokenFileError(
            f"{job.name}: a worker process died",
            why="the machine ran out of memory, or a library crashed",
            fix="run again with fewer runtime.workers (--workers)",
        ) from error


def _open(parcel: _Parcel) -> Iterator[Outcome]:
    tokens, start = np.fromfile(parcel.file, dtype=np.int32), 0
    parcel.file.unlink()
    for outcome in parcel.outcomes:
        if isinstance(outcome.result, Assembled):
            stop = start + sum(outcome.result.document.lengths)
            yield _with_tokens(outcome, outcome.result, tokens[start:stop])
            start = stop
        else:
            yield outcome


def _with_tokens(
    outcome: Outcome, result: Assembled, tokens: np.ndarray[tuple[int], np.dtype[np.int32]]
) -> Outcome:
    document = Document(tokens, result.document.lengths)
    return replace(outcome, result=replace(result, document=document))


# Of a worker process: what does its shards, and the folder for their tokens.
_here: tuple[Worker, Path] | None = None


def _start(job: Job, folder: Path) -> None:
    global _here
    _here = Worker(job, job.load_text()), folder


def _do(number: int, shard: Shard) -> _Parcel:
    if _here is None:
        raise RuntimeError("the process was not started by _start")
    worker, folder = _here
    file, bare = folder / f"{number}", []
    with file.open("wb") as stream:
        for outcome in worker.do(shard):
            if isinstance(outcome.result, Assembled):
                tokens = outcome.result.document.tokens
                stream.write(tokens.data)
                bare.append(_with_tokens(outcome, outcome.result, tokens[:0]))
            else:
                bare.append(outcome)
    return _Parcel(bare, file)
