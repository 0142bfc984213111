"""Codes as ids, and the block of audio in a sequence: ``<SOA>`` separator ids ``<EOA>``.

The order of a block's ids is that of YuE's scripts: a track alone is written frame by frame, all
its codebooks in turn (t0:k0 t0:k1 ... t1:k0 ...), and two tracks take turns id by id, vocal first
(v:t0:k0 i:t0:k0 v:t0:k1 i:t0:k1 ...). With one codebook that is v0 i0 v1 i1 ...
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from yue.errors import NativeError
from yue.native.codes import flatten, interleave
from yue.tokens.layouts.document import Ids
from yue.tokens.vocabulary import EOA, SOA, CodecRange

Codes = npt.NDArray[Any]

END: Ids = np.array([EOA], dtype=np.int32)


def opening(codec: CodecRange) -> Ids:
    """A block before its first code: ``<SOA>`` and the codec's separators."""
    return np.array([SOA, *codec.separators], dtype=np.int32)


def block(ids: Ids, codec: CodecRange) -> list[Ids]:
    """A whole block, in parts."""
    return [opening(codec), ids, END]


def lane_ids(codes: Codes, codec: CodecRange) -> Ids:
    """Codes of one track as ids, frame by frame; int32, shape (K * T,).

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
    """Codes of two tracks as ids that take turns, vocal first; int32, shape (2 * K * T,).

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
