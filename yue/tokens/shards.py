"""Lines to documents, a shard at a time: the unit of work that a process does.

A song's document depends on its line and the job alone, so any division into shards gives the same
documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from yue.errors import SongError
from yue.rejections import Rejected, rejection
from yue.tokens.assemble import Assembled, Assembler
from yue.tokens.options import Options
from yue.tokens.rows import parse_line
from yue.tokens.text import TextTokenizer
from yue.tokens.vocabulary import CodecRange

Line = tuple[int, bytes]
Shard = tuple[Line, ...]

SHARD = 32
"""Lines of a shard."""


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
        """The outcome of each line, in order; lines of songs that are not wanted have none."""
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
    """Lines in shards, in their order."""
    rest = iter(lines)
    while shard := tuple(islice(rest, SHARD)):
        yield shard
