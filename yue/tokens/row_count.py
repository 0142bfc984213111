"""What became of the rows of a songs.jsonl, counted as songs of a project or as rows of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from yue.errors import UsageError
from yue.rejections import Rejected, Rejections, StageRejections, check_share


@dataclass
class RowCount:
    """What became of the rows while documents were streamed into the files.

    Attributes:
        rows: How many were to be written; lines that name no song are among them.
        lost: Rows of which there is no document.
        partly: Sections left out of documents.
        written: Rows of which there is a document, by id.
        seen: Rows that are there, by id.
        missing: Rows that were wanted and are not there; unreadable lines may have been theirs.
        piece_of: Piece to its song, of rows that are pieces.
    """

    rows: int = 0
    lost: list[Rejected] = field(default_factory=list)
    partly: list[Rejected] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    piece_of: dict[str, str] = field(default_factory=dict)

    def song(self, song_id: str) -> str:
        """Return the song that a row is, or is a piece of."""
        return self.piece_of.get(song_id, song_id)

    def nameless(self) -> int:
        """Return how many lines do not say which song they are of."""
        return sum(entry.song_id is None for entry in self.lost)


def rows_check(limit: float) -> Callable[[RowCount], None]:
    """Return the check of a file of rows, of which at most the share ``limit`` may be lost.

    Raises:
        UsageError: It is no share.
    """
    name = "--max-rejected-share"
    if not 0 <= limit <= 1:
        raise UsageError(f"{name} {limit:g}", fix="give a share from 0 to 1")
    return lambda count: check_share(row_rejections(count), limit, name=name)


def row_rejections(count: RowCount) -> Rejections:
    """Return what was left out of a file of rows, each of which counts as a song."""
    return Rejections(0, count.rows).plus(
        StageRejections("mmap", tuple(count.lost), tuple(count.partly))
    )


def song_rejections(count: RowCount, earlier: Rejections) -> Rejections:
    """Return what earlier stages left out of a project's songs, with what was left out of its rows.

    A line that cannot be read is of a song that is missing. If none is, somebody has added it: it
    is found and lost here.
    """
    added = max(0, count.nameless() - len(count.missing))
    found = Rejections(earlier.songs, earlier.rows + added, earlier.stages)
    return found.after(
        "mmap",
        [*count.lost, *count.partly],
        left={count.song(song_id) for song_id in count.written},
        song_of=lambda entry: count.song(entry.song_id) if entry.song_id else entry.what,
    )
