"""The arrays of a .idx file, in C."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.errors import NativeError
from yue.native.library import library

ARRAYS = ("lengths", "pointers", "documents")


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
    lengths: npt.NDArray[np.int32], *, item_size: int
) -> tuple[npt.NDArray[np.int64], int]:
    """Byte offset of every sequence in the .bin.

    Args:
        lengths: Tokens of each sequence, int32, shape (S,).
        item_size: Bytes a token.

    Returns:
        Offsets, int64, shape (S,), and the size of the .bin in bytes.

    Raises:
        NativeError: A length is negative, or the sum does not fit 64 bits.
    """
    native = library()
    array = np.ascontiguousarray(lengths, dtype=np.int32)
    out = np.empty(array.size, dtype=np.int64)
    end, bad = native.ffi.new("int64_t *"), native.ffi.new("int64_t *")
    empty = native.ffi.NULL
    status = native.lib.yue_index_pointers(
        native.ffi.from_buffer("int32_t[]", array) if array.size else empty,
        array.size,
        item_size,
        native.ffi.from_buffer("int64_t[]", out, require_writable=True) if out.size else empty,
        out.size,
        end,
        bad,
    )
    if status == native.lib.YUE_RANGE:
        raise NativeError(f"sequence {bad[0]} has the negative length {array[bad[0]]}")
    if status:
        raise NativeError(f"yue_index_pointers failed (status {status})")
    return out, int(end[0])


def check_index(
    data: memoryview, *, start: int, sequences: int, marks: int, item_size: int
) -> tuple[IndexFault | None, int]:
    """Check the three arrays of a .idx file where they lie.

    Args:
        data: The whole file.
        start: Where the arrays start, in bytes.
        sequences: Length of ``lengths`` and ``pointers``.
        marks: Length of ``documents`` (documents + 1).
        item_size: Bytes a token.

    Returns:
        The first fault, or None; and the size the .bin must have, in bytes (0 after a fault).

    Raises:
        NativeError: The arrays do not lie within ``data``.
    """
    native = library()
    if start < 0 or sequences < 0 or marks < 1 or start + 12 * sequences + 8 * marks > len(data):
        raise NativeError(f"{sequences} sequences and {marks} marks in {len(data)} bytes")
    buffer = native.ffi.from_buffer("unsigned char[]", data)
    end, bad = native.ffi.new("int64_t *"), native.ffi.new("int64_t *")
    what = native.ffi.new("int *")
    status = native.lib.yue_index_check(
        buffer + start,
        buffer + start + 4 * sequences,
        buffer + start + 12 * sequences,
        sequences,
        marks,
        item_size,
        end,
        what,
        bad,
    )
    if status == native.lib.YUE_RANGE:
        return IndexFault(ARRAYS[what[0]], int(bad[0])), 0
    if status:
        raise NativeError(f"yue_index_check failed (status {status})")
    return None, int(end[0])
