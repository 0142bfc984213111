"""Warnings about songs: each is kept for the report, and told once for each kind.

A warning leaves nothing out; what does is a rejection (``yue/rejections.py`` says what differs).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from yue.wording import counted, few, printable

_KINDS = 12  # told at most


@dataclass(frozen=True)
class Warned:
    """What was guessed or is doubtful, of a song that stays.

    Attributes:
        text: A sentence that is the same for all of its kind.
        where: The song, file or line; "" for the data as a whole.
    """

    text: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" if self.where else self.text


def told(warnings: Iterable[Warned]) -> list[str]:
    """A line for each kind of warning, in order, with the first few places of each."""
    places: dict[str, list[str]] = {}
    for warning in warnings:
        known = places.setdefault(warning.text, [])
        if warning.where:
            known.append(printable(warning.where))
    lines = [str(Warned(text, few(known))) for text, known in places.items()]
    if (more := len(lines) - _KINDS) > 0:
        lines[_KINDS:] = [f"and {counted(more, 'more kind')} of warning, in data_report.json"]
    return lines
