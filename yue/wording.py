"""Words for people: counts, lists of names, text of others, the nearest word, a stage's summary."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

_MAX_NAMES = 3


@dataclass(frozen=True)
class StageSummary:
    """What a stage, or a command that does the same work, says when it is done: three lines.

    Attributes:
        made: What it made, with counts.
        rejected: What it left out and why, or "nothing".
        next: What to do or look at next.
    """

    made: str
    rejected: str
    next: str


def counted(number: int, noun: str) -> str:
    """Return ``1 song``, ``1,200 songs``; the plural is the noun with an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def few(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are: ``a, b, c and 4 more``."""
    more = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def quoted(word: str | Path) -> str:
    """Return the word as a shell must be given it in a printed command, whatever characters it has.

    A path that begins with a dash gets ``./`` in front: no quotes keep a program from taking it
    for a flag.
    """
    text = str(word)
    dashed = isinstance(word, Path) and text.startswith("-")
    return shlex.quote(f"./{text}" if dashed else text)


def printable(text: str) -> str:
    """Return text without control characters or broken Unicode: no name may drive the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice closest to ``word``, or None when none is close.

    Case and ``-`` for ``_`` do not count, so ``Learning-Rate`` finds ``learning_rate``.
    """
    plain = {_normalize(choice): choice for choice in reversed(list(choices))}
    found = get_close_matches(_normalize(word[:100]), list(plain), n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return ``did you mean 'x'?``, or nothing."""
    found = nearest(word, choices)
    return f"did you mean '{found}'?" if found else ""


def _normalize(word: str) -> str:
    return word.lower().replace("-", "_")
