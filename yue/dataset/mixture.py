"""Several datasets as one endless stream of rows, each in its share.

An epoch of the mixture takes a fixed number of rows of every dataset, evenly spread. A dataset
goes through its own rows in its own epochs, so none comes again before all have come, however many
the mixture takes. Which row stands at a place of the stream follows from (datasets, seed, place)
alone: a run goes on from one number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from yue.dataset.rows import PackedRow, PackedRows, read_rows
from yue.recipe.mixing import numbers_of
from yue.recipe.model import Mix


@dataclass(frozen=True, eq=False)
class Portion:
    """A dataset in a mixture.

    Attributes:
        name: Its name.
        rows: Its rows.
        asked: The share of all tokens that it was asked for, 0..1.
        draws: How many rows an epoch of the mixture takes of it.
    """

    name: str
    rows: PackedRows
    asked: float
    draws: int

    @property
    def rounds(self) -> float:
        """How often an epoch of the mixture goes through it."""
        return self.draws / self.rows.packing.rows

    @property
    def tokens(self) -> float:
        """Tokens that an epoch of the mixture takes of it, in the mean of epochs."""
        return self.rounds * self.rows.packing.tokens


@dataclass(frozen=True)
class Taken:
    """What some rows of the stream took of a dataset."""

    name: str
    rows: int
    tokens: int


class MixedRows:
    """The rows of a mixture.

    Args:
        portions: The datasets, see :func:`plan`.
    """

    def __init__(self, portions: Sequence[Portion]) -> None:
        self.portions = tuple(portions)
        self._sources, self._draws = spread([portion.draws for portion in portions])

    @property
    def epoch_rows(self) -> int:
        """Number of rows in an epoch."""
        return len(self._sources)

    def find(self, place: int) -> tuple[PackedRows, int, int]:
        """The row at a place of the stream: its dataset, and epoch and index there."""
        if place < 0:
            raise IndexError(f"place {place} of the stream")
        epoch, slot = divmod(place, self.epoch_rows)
        portion = self.portions[self._sources[slot]]
        draw = epoch * portion.draws + int(self._draws[slot])
        return portion.rows, *divmod(draw, portion.rows.packing.rows)

    def read(self, places: Sequence[int]) -> PackedRow:
        """The rows at places of the stream, one after the other as one.

        Raises:
            TokenFileError: The files were changed or damaged since they were opened.
        """
        return read_rows([self.find(place) for place in places])

    def songs(self, place: int) -> tuple[str, ...]:
        """The songs that the row at a place has pieces of, in order."""
        rows, epoch, index = self.find(place)
        return rows.songs(epoch, index)

    def taken(self, count: int) -> list[Taken]:
        """What the first ``count`` rows of the stream take of each dataset, exactly."""
        epochs, slots = divmod(count, self.epoch_rows)
        begun = np.bincount(self._sources[:slots], minlength=len(self.portions))
        draws = [epochs * p.draws + int(n) for p, n in zip(self.portions, begun, strict=True)]
        return [
            Taken(portion.name, n, portion.rows.first_tokens(n))
            for portion, n in zip(self.portions, draws, strict=True)
        ]


def plan(datasets: Mapping[str, PackedRows], mix: Mix) -> list[Portion]:
    """How many rows an epoch takes of each dataset.

    By rounds, each dataset as often as its number says. By weights or temperature, as many rows as
    all datasets have, in such numbers that the tokens of each come as near to its share as whole
    rows can; each at least once.

    Args:
        datasets: Rows by name; a name for each of the recipe.
        mix: The recipe's section.
    """
    numbers = numbers_of(mix.datasets)
    tokens = {name: datasets[name].packing.tokens for name in numbers}
    rows = {name: datasets[name].packing.rows for name in numbers}
    if mix.by == "weights":
        wanted = numbers
    else:
        wanted = {name: number * tokens[name] for name, number in numbers.items()}
    if mix.by == "temperature":
        power = 1 / mix.temperature
        wanted = {name: Fraction(float(size) ** power) for name, size in wanted.items()}
    draws = {name: Fraction(wanted[name] * rows[name], tokens[name]) for name in numbers}
    if mix.by != "rounds":
        scale = sum(rows.values()) / sum(draws.values(), Fraction())
        draws = {name: count * scale for name, count in draws.items()}
    total = sum(wanted.values(), Fraction())
    return [
        Portion(
            name=name,
            rows=datasets[name],
            asked=float(wanted[name] / total),
            draws=max(math.floor(draws[name] + Fraction(1, 2)), 1),
        )
        for name in numbers
    ]


def spread(counts: Sequence[int]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """An order of ``counts[i]`` draws of each dataset i in which every stretch has their shares.

    Draw j of n stands at (j + 1/2) / n of the way (Webster's divisor method); of equals the first
    dataset is first.

    Returns:
        The dataset of each slot, and which of its draws it is, both of shape (sum of counts,).
    """
    places = np.concatenate([(np.arange(n) + 0.5) / n for n in counts])
    order = np.argsort(places, kind="stable")
    sources = np.repeat(np.arange(len(counts), dtype=np.int16), counts)
    draws = np.concatenate([np.arange(n, dtype=np.int64) for n in counts])
    return sources[order], draws[order]
