"""The ids that the codes of a section are drawn from, place by place in a frame.

A frame of the layouts that are sung is ``v:k0 i:k0 v:k1 i:k1 ...``: the place of an id says its
track and its codebook, so only the ids of that codebook are allowed there. Every other id (text,
control ids, other codecs, other codebooks) is blocked by never having a logit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from yue.tokens.vocabulary import EOA, CodecRange

LANES = 2
"""Tracks that take turns: vocal, instrumental."""


@dataclass(frozen=True)
class Alphabet:
    """What can be drawn.

    Attributes:
        codec: The ids of the K codebooks that documents carry.
        sizes: How many codes the codec has of each; it may have fewer than the vocabulary.
    """

    codec: CodecRange
    sizes: tuple[int, ...]

    @property
    def width(self) -> int:
        """Ids of a frame."""
        return LANES * self.codec.codebooks

    @property
    def end(self) -> int:
        """Index of the end of audio, right after the codes of codebook 0."""
        return self.sizes[0]

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """All ids, (n,): those of codebook 0, the end of audio, those of codebook 1 ..."""
        first, *others = (
            np.arange(offset, offset + size)
            for offset, size in zip(self.codec.offsets, self.sizes, strict=True)
        )
        return np.concatenate([first, [EOA], *others]).astype(np.int64)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Index of code 0 of each codebook."""
        return np.cumsum([0, self.sizes[0] + 1, *self.sizes[1:-1]])[: len(self.sizes)]

    def span(self, place: int) -> slice:
        """The indices that may follow ``place`` ids of a section (the end of audio among them)."""
        book = place % self.width // LANES
        start = int(self._starts[book])
        return slice(start, start + self.sizes[book] + (1 if book == 0 else 0))

    def codes(self, drawn: Sequence[int]) -> NDArray[np.int16]:
        """Indices of whole frames as codes, int16, shape (lanes, K, frames)."""
        frames = np.array(drawn, dtype=np.int64).reshape(-1, self.codec.codebooks, LANES)
        return (frames - self._starts[:, np.newaxis]).transpose(2, 1, 0).astype(np.int16)

    def met(self, ids: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which of the ids that can be drawn are among ``ids``, (n,)."""
        return np.isin(self.ids, ids)
