"""The parts that layouts share: a document, the blocks of codes in it, and a song's own draws.

This is where codes become ids. A block of codes in a sequence is ``<SOA>`` separator ids ``<EOA>``.
The order of a block's ids is that of YuE's scripts: a track alone is written frame by frame, all
its codebooks in turn (t0:k0 t0:k1 ... t1:k0 ...), and two tracks take turns id by id, vocal first
(v:t0:k0 i:t0:k0 v:t0:k1 i:t0:k1 ...). With one codebook that is v0 i0 v1 i1 ...
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from yue.errors import NativeError
from yue.files import bytes_digest
from yue.native.code_ids import flatten, interleave
from yue.tokens.vocabulary import EOA, EOD, SOA, CodecRange

Ids = npt.NDArray[np.int32]
Codes = npt.NDArray[Any]

END: Ids = np.array([EOA], dtype=np.int32)
"""A block after its last code."""

_END_OF_DOCUMENT: Ids = np.array([EOD], dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Section:
    r"""One section of a song.

    Attributes:
        line_content: Its label and lyrics, ``"[verse]\nline\nline\n\n"``.
        ids: Its codes as ids, int32, shape (N,): of two tracks that take turns
            (:func:`interleaved_ids`) or of one
            (:func:`lane_ids`).
    """

    line_content: str
    ids: Ids


@dataclass(frozen=True, eq=False)
class Document:
    """One song as token ids.

    Attributes:
        tokens: int32, shape (N,).
        lengths: Tokens of each sequence; they add up to N. ``<EOD>`` ends the last.
    """

    tokens: Ids
    lengths: tuple[int, ...]

    @property
    def sequences(self) -> tuple[Ids, ...]:
        """The header and the sections apart, as views."""
        return tuple(np.split(self.tokens, np.cumsum(self.lengths[:-1]))) if self.lengths else ()


def document_of(sequences: Iterable[Sequence[Ids]]) -> Document:
    """Join the parts of each sequence, and end the last one with ``<EOD>``.

    Without sequences the document is empty, as upstream writes it.
    """
    found = [list(parts) for parts in sequences]
    if not found:
        return Document(_END_OF_DOCUMENT[:0], ())
    found[-1].append(_END_OF_DOCUMENT)
    return Document(
        np.concatenate([part for parts in found for part in parts]),
        tuple(sum(map(len, parts)) for parts in found),
    )


def opening(codec: CodecRange) -> Ids:
    """Return a block before its first code: ``<SOA>`` and the codec's separators."""
    return np.array([SOA, *codec.separators], dtype=np.int32)


def block(ids: Ids, codec: CodecRange) -> list[Ids]:
    """Return a whole block, in parts."""
    return [opening(codec), ids, END]


def lane_ids(codes: Codes, codec: CodecRange) -> Ids:
    """Return codes of one track as ids, frame by frame; int32, shape (K * T,).

    Args:
        codes: Of the codec's first K codebooks, integers, shape (K, T), or (T,) where K is 1.
        codec: The ids of its codes.

    Raises:
        NativeError: A code is out of range, or there are too many codebooks.
    """
    array = np.atleast_2d(codes)
    ids = codec.first(len(array))
    return flatten(array, offsets=ids.offsets, sizes=ids.sizes)


def interleaved_ids(vocal: Codes, instrumental: Codes, codec: CodecRange) -> Ids:
    """Return codes of two tracks as ids that take turns, vocal first; int32, shape (2 * K * T,).

    Args:
        vocal: Of the codec's first K codebooks, integers, shape (K, T), or (T,) where K is 1.
        instrumental: The same of the other track.
        codec: The ids of their codes.

    Raises:
        NativeError: A code is out of range, there are too many codebooks, or the tracks differ in
            shape.
    """
    first, second = np.atleast_2d(vocal), np.atleast_2d(instrumental)
    if first.shape != second.shape:
        raise NativeError(f"two tracks of codes of different shape: {first.shape}, {second.shape}")
    if len(first) == 1:
        return interleave(first[0], second[0], offset=codec.offset, size=codec.codebook_size)
    ids = codec.first(len(first))
    turns = np.stack([first, second], axis=1).reshape(-1, first.shape[1])  # v:k0 i:k0 v:k1 ...
    offsets, sizes = (
        tuple(value for value in values for _ in range(2)) for values in (ids.offsets, ids.sizes)
    )
    return flatten(turns, offsets=offsets, sizes=sizes)


class Draws:
    """A song's own random numbers: the same for any number of workers, and on any machine.

    It is Python's ``random()`` of an integer seed, a sequence that Python promises to keep.

    Args:
        seed: The recipe's.
        names: What is drawn, and for which song.
    """

    def __init__(self, seed: int, *names: str) -> None:
        self._random = Random(int(bytes_digest(str(seed), *names), 16))

    def share(self) -> float:
        """Return a number from 0 to below 1."""
        return self._random.random()

    def below(self, count: int) -> int:
        """Return a whole number from 0 to below ``count``."""
        return int(self._random.random() * count)
