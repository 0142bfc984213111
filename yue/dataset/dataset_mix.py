"""The rows of the datasets that a recipe mixes, drawn in their shares.

An epoch of the mixture takes a fixed number of rows of every dataset, evenly spread. A dataset
goes through its own rows in its own epochs, so none comes again before all have come, however many
the mixture takes. Which row stands at a place of the stream follows from (datasets, seed, place)
alone, so training resumes from one number, with any number of ranks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yue.dataset.chop import Chopping, Order, Samples, blend_samples
from yue.dataset.gpt_index import GptOptions
from yue.dataset.packed_rows import PackedRow, PackedRows, read_rows
from yue.dataset.token_files import TokenFiles
from yue.errors import TrainingError
from yue.recipe.mixing import numbers_of
from yue.recipe.model import Mix, Train


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
        packing = self.rows.packing
        if isinstance(packing, Samples):
            return self.draws * packing.context / self.rows.files.tokens
        return self.draws / packing.rows

    @property
    def tokens(self) -> float:
        """Tokens that an epoch of the mixture takes of it, in the mean of epochs."""
        return self.draws * self.rows.packing.tokens / self.rows.packing.rows


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
        order: The dataset of each row of an epoch, and the number of its draw; spread evenly
            where None.
    """

    def __init__(self, portions: Sequence[Portion], order: Order | None = None) -> None:
        self.portions = tuple(portions)
        self._sources, self._draws = order or spread([portion.draws for portion in portions])

    @property
    def epoch_rows(self) -> int:
        """Return the number of rows in an epoch."""
        return len(self._sources)

    def find(self, place: int) -> tuple[PackedRows, int, int]:
        """Find the row at a place of the stream: its dataset, and epoch and index there."""
        if place < 0:
            raise IndexError(f"place {place} of the stream")
        epoch, slot = divmod(place, self.epoch_rows)
        portion = self.portions[self._sources[slot]]
        draw, packing = int(self._draws[slot]), portion.rows.packing
        if isinstance(packing, Samples):
            # Rounding lets a blend ask for a sample more than it has built, which ends upstream's
            # run (Megatron-LM issue 705); here it is the first again.
            return portion.rows, 0, draw % len(packing.index.shuffle)
        draw += epoch * portion.draws
        return portion.rows, *divmod(draw, portion.rows.packing.rows)

    def read(self, places: Sequence[int]) -> PackedRow:
        """Read the rows at places of the stream, one after the other as one.

        Raises:
            TokenFileError: The files were changed or damaged since they were opened.
        """
        return read_rows([self.find(place) for place in places])

    def songs(self, place: int) -> tuple[str, ...]:
        """Return the songs that the row at a place has pieces of, in order."""
        rows, epoch, index = self.find(place)
        return rows.songs(epoch, index)

    def taken(self, count: int) -> list[Taken]:
        """Count what the first ``count`` rows of the stream take of each dataset."""
        epochs, slots = divmod(count, self.epoch_rows)
        begun = np.bincount(self._sources[:slots], minlength=len(self.portions))
        draws = [epochs * p.draws + int(n) for p, n in zip(self.portions, begun, strict=True)]
        return [
            Taken(portion.name, n, portion.rows.first_tokens(n))
            for portion, n in zip(self.portions, draws, strict=True)
        ]


@dataclass(frozen=True)
class Share:
    """One rank's share of the rows.

    Attributes:
        rank: Number of the process, from 0.
        size: How many there are; divides ``batch_size``.
        batch_size: Rows of a step over all processes.
        micro_batch_size: Most rows of a forward pass.
    """

    rank: int
    size: int
    batch_size: int
    micro_batch_size: int

    @property
    def rows(self) -> int:
        """Rows of a step in this process."""
        return self.batch_size // self.size

    @property
    def micro_batches(self) -> int:
        """Forward passes of a step; the same in every process."""
        return -(-self.rows // self.micro_batch_size)

    def places(self, step: int) -> list[range]:
        """Return places in the stream of rows, one range for each forward pass of a step."""
        first = step * self.batch_size + self.rank * self.rows
        size = self.micro_batch_size
        return [
            range(place, min(place + size, first + self.rows))
            for place in range(first, first + self.rows, size)
        ]


def plan(datasets: Mapping[str, PackedRows], mix: Mix) -> list[Portion]:
    """Plan how many rows an epoch takes of each dataset.

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
    wanted = _wanted(mix, tokens)
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


def _wanted(mix: Mix, tokens: Mapping[str, int]) -> dict[str, Fraction]:
    """Return what the tokens of each dataset shall be in proportion to.

    Args:
        mix: The recipe's section.
        tokens: Of each dataset.
    """
    numbers = numbers_of(mix.datasets)
    if mix.by == "weights":
        return numbers
    wanted = {name: number * tokens[name] for name, number in numbers.items()}
    if mix.by == "rounds":
        return wanted
    power = 1 / mix.temperature
    return {name: Fraction(float(size) ** power) for name, size in wanted.items()}


def spread(counts: Sequence[int]) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Order ``counts[i]`` draws of each dataset i so that every stretch has their shares.

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


def mix_rows(
    datasets: dict[str, TokenFiles], mix: Mix, train: Train, cache: Path | None = None
) -> MixedRows:
    """Mix the rows of datasets.

    Args:
        datasets: Token files by name.
        mix: The recipe's section.
        train: The recipe's section.
        cache: Folder that keeps the indices of ``train.packing: chop``; None keeps none.

    Raises:
        TrainingError: The context is too short for a song.
    """
    if train.packing == "chop":
        return _upstream_rows(datasets, mix, train, cache)
    rows = {name: packed_rows(files, train) for name, files in datasets.items()}
    return MixedRows(plan(rows, mix))


def _upstream_rows(
    datasets: dict[str, TokenFiles], mix: Mix, train: Train, cache: Path | None
) -> MixedRows:
    """Return the rows that YuE's scripts draw, in Megatron's order.

    An epoch is their data set: of one dataset as many samples as its rounds have tokens for; of
    several, a blend of half a per cent more (see :func:`~yue.dataset.gpt_index.blend_index`). As
    there, the next epoch reads the same samples again, so a run's length changes no row of it.
    """
    length = train.context_length
    tokens = {name: files.tokens for name, files in datasets.items()}
    for name, files in datasets.items():
        if not files.tokens:
            raise TrainingError(
                f"{files.prefix}: no tokens to train on",
                why=f"the dataset '{name}' is empty",
                fix="write the files with `yue mmap`, or leave it out of mix.datasets",
            )
    wanted = _wanted(mix, tokens)
    total = sum(wanted.values(), Fraction())
    if mix.by == "rounds":
        samples = max(math.floor((total - 1) / length), 1)
        # Upstream's weights in DATA_PATH: whole tokens.
        weights = [float(int(number)) for number in wanted.values()]
    else:
        samples = max(sum((size - 1) // length for size in tokens.values()), 1)
        weights = [float(number) for number in wanted.values()]
    options = GptOptions(samples, length, train.seed)
    drawn, order = blend_samples([*datasets.values()], weights, options, cache)
    counts = np.bincount(order[0], minlength=len(datasets)).tolist()
    portions = [
        Portion(
            name=name,
            rows=PackedRows(packing.files, length, seed=train.seed, packing=packing),
            asked=float(wanted[name] / total),
            draws=draws,
        )
        for name, packing, draws in zip(datasets, drawn, counts, strict=True)
    ]
    return MixedRows(portions, order)


def only(name: str, rows: PackedRows) -> MixedRows:
    """Return one dataset as a mixture."""
    return MixedRows([Portion(name, rows, asked=1.0, draws=rows.packing.rows)])


def packed_rows(files: TokenFiles, train: Train) -> PackedRows:
    """Pack held-out token files, or one dataset, into rows as a recipe says."""
    length = train.context_length
    packing = Chopping(length, files.starts) if train.packing == "chop" else None
    return PackedRows(files, length, seed=train.seed, packing=packing)
