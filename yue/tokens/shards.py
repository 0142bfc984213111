"""Turn lines into documents, in one process or several; the documents do not depend on how many.

A song's document depends on its line and the job alone, so any division into shards gives the same
documents. Shards come back in their order. A process hands its documents over in a file: sent
through a pipe they would be copied seven times, which takes as long as making them.
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

from yue.errors import SongError, TokenFileError
from yue.rejections import Rejected, rejection
from yue.temporary import temporary_folder
from yue.tokens.assemble import Assembled, Assembler
from yue.tokens.layouts.blocks import Document
from yue.tokens.options import Options
from yue.tokens.row_reader import parse_line
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import CodecRange
from yue.workers import cores, worker_pool

Line = tuple[int, bytes]
Shard = tuple[Line, ...]

SHARD = 32
"""Lines of a shard."""

# Shards done in this process before others start: 1,024 songs take 1.8 s (1.76 ms each), and
# starting processes costs half a second each (benchmarks/RESULTS.md, mmap).
IN_PROCESS = 32

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
        """Load the text tokenizer."""
        specials = self.options.specials_in_text or not self.options.strict
        return TextTokenizer(self.tokenizer, specials_in_text=specials)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a line.

    Attributes:
        place: The row, for messages.
        song_id: Its song, or piece of one; None where the line does not say.
        piece_of: The song that a piece was cut from; None for a whole song.
        result: The document with what was left out of it, or why there is none.
    """

    place: str
    song_id: str | None
    piece_of: str | None
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
        """Return the outcome of each line, in order; of songs that are not wanted, none."""
        return [outcome for line in shard if (outcome := self._outcome(*line)) is not None]

    def _outcome(self, number: int, line: bytes) -> Outcome | None:
        place = f"{self._job.name}:{number}"
        found = parse_line(line, place, self._job.options)
        row, song_id, whole = found.row, found.song_id, found.piece_of
        if self._job.wanted is not None and song_id is not None and song_id not in self._job.wanted:
            return None
        if isinstance(row, Rejected):
            return Outcome(place, song_id, whole, row)
        try:
            return Outcome(row.place, song_id, whole, self._assembler.assemble(row))
        except SongError as error:
            return Outcome(row.place, song_id, whole, rejection(error, song_id))


def shards_of(lines: Iterable[Line]) -> Iterator[Shard]:
    """Yield lines in shards, in their order."""
    rest = iter(lines)
    while shard := tuple(islice(rest, SHARD)):
        yield shard


@dataclass(frozen=True)
class _Parcel:
    """The outcomes of a shard; the tokens of their documents lie in a file, one after another."""

    outcomes: list[Outcome]
    file: Path


def outcomes(
    job: Job, text: TextTokenizer, lines: Iterable[Line], *, workers: int, scratch: Path
) -> Iterator[Outcome]:
    """Yield the outcomes of lines, in their order.

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
        yield from _run_in_processes(job, chain(few, shards), workers or cores(), folder)


def _run_in_processes(
    job: Job, shards: Iterable[Shard], workers: int, folder: Path
) -> Iterator[Outcome]:
    waiting: deque[Future[_Parcel]] = deque()
    try:
        with worker_pool(workers, _start_worker, job, folder) as pool:
            for number, shard in enumerate(shards):
                waiting.append(pool.submit(_do_shard, number, shard))
                if len(waiting) >= workers * _AHEAD:
                    yield from _open_parcel(waiting.popleft().result())
            while waiting:
                yield from _open_parcel(waiting.popleft().result())
    except BrokenProcessPool as error:
        raise TokenFileError(
            f"{job.name}: a worker process died",
            why="the machine ran out of memory, or a library crashed",
            fix="run again with fewer runtime.workers (--workers)",
        ) from error


def _open_parcel(parcel: _Parcel) -> Iterator[Outcome]:
    tokens, start = np.fromfile(parcel.file, dtype=np.int32), 0
    parcel.file.unlink()
    for outcome in parcel.outcomes:
        if isinstance(outcome.result, Assembled):
            stop = start + sum(outcome.result.document.lengths)
            yield _replace_tokens(outcome, outcome.result, tokens[start:stop])
            start = stop
        else:
            yield outcome


def _replace_tokens(
    outcome: Outcome, result: Assembled, tokens: np.ndarray[tuple[int], np.dtype[np.int32]]
) -> Outcome:
    document = Document(tokens, result.document.lengths)
    return replace(outcome, result=replace(result, document=document))


# Of a worker process: what does its shards, and the folder for their tokens.
_process_worker: tuple[Worker, Path] | None = None


def _start_worker(job: Job, folder: Path) -> None:
    global _process_worker
    _process_worker = Worker(job, job.load_text()), folder


def _do_shard(number: int, shard: Shard) -> _Parcel:
    if _process_worker is None:
        raise RuntimeError("the process was not started by _start_worker")
    worker, folder = _process_worker
    file, bare = folder / f"{number}", []
    with file.open("wb") as stream:
        for outcome in worker.do(shard):
            if isinstance(outcome.result, Assembled):
                tokens = outcome.result.document.tokens
                stream.write(tokens.data)
                bare.append(_replace_tokens(outcome, outcome.result, tokens[:0]))
            else:
                bare.append(outcome)
    return _Parcel(bare, file)
