"""What ``mix.datasets`` asks for: names and exact numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

SONGS = "songs"
"""The name of the project's own token files in a mixture."""


def numbers_of(datasets: Sequence[str]) -> dict[str, Fraction]:
    """Return ``("songs=1", "pop=0.5")`` as exact numbers by name, in the order given."""
    pairs = (item.partition("=") for item in datasets)
    return {name: Fraction(number) for name, _, number in pairs}


def repeated_names(datasets: Sequence[str]) -> list[str]:
    """Return names that stand there more than once."""
    names = [item.partition("=")[0] for item in datasets]
    return sorted({name for name in names if names.count(name) > 1})
