"""What was left out: whether it is too much, and how it is said in a line."""

from __future__ import annotations

from collections.abc import Sequence

from yue.errors import SongError
from yue.tokens.rows import Rejected
from yue.wording import counted

_SHOWN = 3  # all are in the .json


def check_share(rows: int, documents: int, entries: Sequence[Rejected], limit: float) -> None:
    """Fail when too many songs cannot be used.

    Args:
        rows: Songs that were to be written.
        documents: Songs that were.
        entries: Everything left out.
        limit: Share of the songs that may be left out, 0..1.

    Raises:
        SongError: More were; the message has the first reasons.
    """
    lost = rows - documents
    if lost <= limit * rows:
        return
    raise SongError(
        f"{lost} of {counted(rows, 'song')} cannot be used; at most {limit:.0%} may be rejected",
        why=_first(entries),
        fix=f"{entries[0].fix}; or allow more with data.max_rejected_share (--max-rejected-share)",
    )


def summarise(rows: int, documents: int, entries: Sequence[Rejected]) -> str:
    """What was left out, in one line: how much, and the first reasons."""
    if not entries:
        return "nothing"
    lost = rows - documents
    return (
        f"{counted(lost, 'song')} and {counted(len(entries) - lost, 'section')}: {_first(entries)}"
    )


def _first(entries: Sequence[Rejected]) -> str:
    shown = "; ".join(f"{entry.what}: {entry.reason}" for entry in entries[:_SHOWN])
    more = len(entries) - _SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown
