"""What was left out and why: no file is ever dropped in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yue.errors import AudioError
from yue.files import write_json


@dataclass(frozen=True)
class Rejected:
    """A file or song that was left out.

    Attributes:
        what: The file, relative to the songs folder, or the song.
        reason: Why.
        fix: What to do about it.
        song_id: The song, where it is known.
    """

    what: str
    reason: str
    fix: str
    song_id: str | None = None


def rejection(error: AudioError, song_id: str | None) -> Rejected:
    """An error about one file, as an entry of the report."""
    return Rejected(error.what, error.why, error.fix, song_id)


def write_rejected(path: Path, rejected: Sequence[Rejected]) -> None:
    """Write ``rejected.json``."""
    rows: list[dict[str, Any]] = [asdict(entry) for entry in rejected]
    write_json(path, rows)


def printable(name: str) -> str:
    """A file name as it can be shown on one line of a terminal."""
    return name if name.isprintable() else ascii(name)


def describe(rejected: Sequence[Rejected]) -> str:
    """The rejections for a summary: how many, then each with its reason and its fix."""
    return "\n".join([str(len(rejected)), *_lines(rejected)]) if rejected else "nothing"


def _lines(rejected: Sequence[Rejected]) -> list[str]:
    return [
        f"    {printable(entry.what)}: {entry.reason}\n      fix: {entry.fix}" for entry in rejected
    ]


def check_share(rejected: Sequence[Rejected], kept: int, limit: float) -> None:
    """Refuse to go on when too much was left out, or everything.

    Args:
        rejected: What was left out.
        kept: How many songs were kept.
        limit: ``data.max_rejected_share``.

    Raises:
        AudioError: Everything was left out, or the share is above the limit.
    """
    if not rejected and not kept:  # a folder of rows that were made elsewhere has no audio
        return
    share = len(rejected) / max(1, len(rejected) + kept)
    if kept and share <= limit:
        return
    entries = "\n".join(_lines(rejected))
    raise AudioError(
        f"{len(rejected)} of {len(rejected) + kept} songs or files were rejected\n{entries}",
        why=f"that is {share:.0%}, and data.max_rejected_share is {limit:.0%}"
        if kept
        else "no song is left",
        fix="mend or remove these files, or raise data.max_rejected_share in params.yaml",
    )
