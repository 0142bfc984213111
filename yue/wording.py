"""Counts and lists of names as words."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 3


def counted(number: int, noun: str) -> str:
    """``1 song``, ``2 songs``; the plural is the noun with an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def few(names: Sequence[str]) -> str:
    """The first names, and how many more there are: ``a, b, c and 4 more``."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
