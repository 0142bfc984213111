"""Counts, lists of names and words of commands, as they are printed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

_SHOWN = 3


def counted(number: int, noun: str) -> str:
    """``1 song``, ``1,200 songs``; the plural is the noun with an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def few(names: Sequence[str]) -> str:
    """The first names, and how many more there are: ``a, b, c and 4 more``."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def quoted(word: str | Path) -> str:
    """The word as a shell must be given it in a printed command, whatever characters it has.

    A path that begins with a dash gets ``./`` in front: no quotes keep a program from taking it
    for a flag.
    """
    text = str(word)
    dashed = isinstance(word, Path) and text.startswith("-")
    return shlex.quote(f"./{text}" if dashed else text)
