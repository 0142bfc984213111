"""Make and check the arrays of a .idx file, in C."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.errors import NativeError
from yue.native.library import library

ARRAYS = ("lengths", "pointers", "documents")


@dataclass(frozen=True, eq=False)
class IndexArrays:
    """The checked arrays of a .idx file.

    Attributes:
        lengths: Tokens of each sequence, int32, shape (S,).
        documents: Sequence at which each document starts, int64, shape (documents + 1,).
        starts: Token at which each document starts, int64, shape (documents + 1,).
        bin_size: Bytes that the .bin must have.
        crc: CRC-32C up to the end of the arrays.
    """

    lengths: npt.NDArray[np.int32]
    documents: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    bin_size: int
    crc: int


@dataclass(frozen=True)
class IndexFault:
    """The first wrong element of a .idx file.

    Attributes:
        array: ``lengths``, ``pointers`` or ``documents``.
        element: Position in that array.
    """

    array: str
    element: int


def index_pointers(
    lengths: npt.NDArray[np.int32], *, item_size: int, start: int = 0
) -> tuple[npt.NDArray[np.int64], int]:
    """Return the byte offset of every sequence in the .bin.

    Args:
        lengths: Tokens of each sequence, int32, shape (S,).
        item_size: Bytes a token.
        start: Offset of the first.

    Returns:
        Offsets, int64, shape (S,), and that of the next sequence.

    Raises:
        NativeError: A length is negative, or the sum does not fit 64 bits.
    """
    native = library()
    array = np.ascontiguousarray(lengths, dtype=np.int32)
    out = np.empty(array.size, dtype=np.int64)
    end, bad = native.ffi.new("int64_t *"), native.ffi.new("int64_t *")
    status = native.lib.yue_index_pointers(
        native.pointer(array),
        array.size,
        item_size,
        start,
        native.pointer(out, True),
        out.size,
        end,
        bad,
    )
    if status == native.lib.YUE_RANGE:
        raise NativeError(f"sequence {bad[0]} has the negative length {array[bad[0]]}")
    if status:
        raise NativeError(f"yue_index_pointers failed (status {status})")
    return out, int(end[0])


def read_index(
    descriptor: int, *, start: int, sequences: int, marks: int, item_size: int, crc: int = 0
) -> IndexArrays | IndexFault:
    """Read the arrays of a .idx file and check every element; the GIL is free meanwhile.

    Args:
        descriptor: Of the open .idx.
        start: Where the arrays start, in bytes.
        sequences: Number of sequences.
        marks: Length of ``documents`` (documents + 1).
        item_size: Bytes a token.
        crc: Checksum of the bytes before ``start``.

    Returns:
        The arrays, or the first fault.

    Raises:
        NativeError: The file is shorter than the arrays, or a pointer does not fit 64 bits.
        OSError: A read failed.
    """
    native = library()
    ffi = native.ffi
    if sequences < 0 or marks < 1:
        raise NativeError(f"{sequences} sequences and {marks} marks")
    lengths = np.empty(sequences, dtype=np.int32)
    documents, starts = np.empty(marks, dtype=np.int64), np.empty(marks, dtype=np.int64)
    index = ffi.new("yue_index *")
    index.sequences, index.marks, index.item_size = sequences, marks, item_size
    kept = [native.pointer(array, True) for array in (lengths, documents, starts)]
    index.lengths, index.documents, index.starts = kept
    checksum = ffi.new("uint32_t *", crc)
    end, bad, what = ffi.new("int64_t *"), ffi.new("int64_t *"), ffi.new("int *")
    status = native.lib.yue_index_read(descriptor, start, index, checksum, end, what, bad)
    if status == native.lib.YUE_RANGE:
        return IndexFault(ARRAYS[what[0]], int(bad[0]))
    if status == native.lib.YUE_IO:
        raise OSError(int(bad[0]), os.strerror(int(bad[0])))
    if status == native.lib.YUE_SHORT:
        raise NativeError(f"the file ends before its arrays do, at byte {bad[0]} at the latest")
    if status:
        raise NativeError(f"yue_index_read failed (status {status})")
    return IndexArrays(lengths, documents, starts, int(end[0]), int(checksum[0]))
