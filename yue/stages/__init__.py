"""The pipeline's stages, one thin module each, in the order of dvc.yaml."""

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
