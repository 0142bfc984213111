"""What is known of a codec before its weights are there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class About:
    """A codec that can encode.

    Attributes:
        summary: What it is, in a line.
        sample_rate: Of the audio that it takes.
        licence: Of the released weights.
        folder: Where its weights are looked for when nobody says.
        fetch: The command that puts them there.
        codebooks: How many are kept when nobody says; None: all.
    """

    summary: str
    sample_rate: int
    licence: str
    folder: Path
    fetch: str
    codebooks: int | None = None
