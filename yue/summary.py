"""The summary that a stage, or a command that does the same work, prints when it is done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StageSummary:
    """What a stage says when it is done: three lines.

    Attributes:
        made: What it made, with counts.
        rejected: What it left out and why, or "nothing".
        next: What to do or look at next.
    """

    made: str
    rejected: str
    next: str
