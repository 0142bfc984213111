"""The valid word that a wrong one was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice closest to ``word``, or None when none is close.

    Case and ``-`` for ``_`` do not count, so ``Learning-Rate`` finds ``learning_rate``.
    """
    plain = {_plain(choice): choice for choice in reversed(list(choices))}
    found = get_close_matches(_plain(word[:100]), list(plain), n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """``did you mean 'x'?``, or nothing."""
    found = nearest(word, choices)
    return f"did you mean '{found}'?" if found else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")
