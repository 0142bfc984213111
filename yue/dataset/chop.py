"""Rows as YuE's own scripts cut them: all documents back to back, cut at every ``context`` tokens.

Songs are cut wherever a row ends, and most pieces lack their header: 75 % of the songs that would
fit 8,192 tokens are cut, and 61 % of the tokens stand in a row without their header
(``benchmarks/RESULTS.md``). It is here for runs that must be those of YuE's scripts. Attention runs
through a whole row, as there.

Training reads :class:`Samples`, in the order of Megatron's indices. Held-out loss reads
:class:`Chopping`, which has every token once and draws nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yue.dataset.gpt_index import GptIndex, GptOptions, blend_index, gpt_index
from yue.dataset.song_pieces import Piece
from yue.dataset.token_files import TokenFiles

Order = tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]
"""The dataset of each row, and the number of its draw."""


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of Megatron's GPT data set: ``context`` tokens of input, and one to predict.

    Attributes:
        context: Tokens of input of each sample.
        files: The documents; an index counts their sequences (headers and sections).
        index: Which tokens make up each sample, and the order of samples.
    """

    context: int
    files: TokenFiles
    index: GptIndex

    @property
    def rows(self) -> int:
        """Number of whole rows in one pass over the tokens, at least 1.

        An index of several passes has more samples.
        """
        return max((self.files.tokens - 1) // self.context, 1)

    @property
    def tokens(self) -> int:
        """Tokens of input of ``rows`` rows."""
        return self.rows * self.context

    @property
    def row_tokens(self) -> npt.NDArray[np.int64]:
        """Tokens of input of each sample, int64, shape (samples,)."""
        return np.full(len(self.index.shuffle), self.context)

    @cached_property
    def _sequence_starts(self) -> npt.NDArray[np.int64]:
        """Token at which each sequence starts, int64, shape (sequences,)."""
        ends = np.cumsum(self.files.lengths, dtype=np.int64)
        return ends - self.files.lengths

    def pieces(self, row: int) -> list[Piece]:
        """Return the parts of documents in a sample before shuffling: ``context + 1`` tokens."""
        (first, begin), (last, end) = self.index.samples[row : row + 2].tolist()
        found: list[Piece] = []
        for place in range(first, last + 1):
            sequence = int(self.index.documents[place])
            length = int(self.files.lengths[sequence])
            part = range(begin if place == first else 0, end + 1 if place == last else length)
            if not part:
                continue
            document = int(np.searchsorted(self.files.marks, sequence, side="right")) - 1
            inner = int(self._sequence_starts[sequence] - self.files.starts[document])
            body = range(inner + part.start, inner + part.stop)
            before = found[-1] if found else None
            if before and before.document == document and before.body.stop == body.start:
                found[-1] = Piece(document, range(before.body.start, body.stop))
            else:
                found.append(Piece(document, body))
        return found


def blend_samples(
    datasets: Sequence[TokenFiles],
    weights: Sequence[float],
    options: GptOptions,
    cache: Path | None,
) -> tuple[list[Samples], Order]:
    """Draw samples from one dataset, or blend those of several.

    Args:
        datasets: Token files.
        weights: Of the datasets; one alone needs none.
        options: What is drawn; of a blend all datasets together.
        cache: Folder that keeps the indices, or None.

    Returns:
        The samples of each dataset, and the order in which they are read.
    """
    requests: tuple[int, ...] = (options.samples,)
    order: Order = (np.zeros(options.samples, np.int16), np.arange(options.samples))
    if len(datasets) > 1:
        blended = blend_index(weights, options.samples)
        requests, order = blended.requests, (blended.datasets, blended.samples)
    drawn = []
    for files, request in zip(datasets, requests, strict=True):
        own = replace(options, samples=max(request, 1))
        index = gpt_index(files.lengths, own, cache=cache)
        drawn.append(Samples(options.sequence_length, files, index))
    return drawn, order


@dataclass(frozen=True, eq=False)
class Chopping:
    """Every token of documents once, in order.

    Attributes:
        context: Tokens of a row; the last row may be shorter.
        starts: Token at which each document starts, and the end; int64, shape (documents + 1,).
    """

    context: int
    starts: npt.NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return -(-self.tokens // self.context)

    @property
    def tokens(self) -> int:
        """Tokens of all rows."""
        return int(self.starts[-1])

    @property
    def row_tokens(self) -> npt.NDArray[np.int64]:
        """Tokens of each row, int64, shape (rows,)."""
        cuts = np.append(np.arange(self.rows) * self.context, self.tokens)
        return np.diff(cuts)

    def pieces(self, row: int) -> list[Piece]:
        """Return the parts of documents in a row, in order."""
        start = row * self.context
        stop = min(start + self.context, self.tokens)
        first = int(np.searchsorted(self.starts, start, side="right")) - 1
        last = int(np.searchsorted(self.starts, stop, side="left"))
        found = []
        for document in range(first, last):
            begin, end = int(self.starts[document]), int(self.starts[document + 1])
            body = range(max(start, begin) - begin, min(stop, end) - begin)
            if body:
                found.append(Piece(document, body))
        return found
