"""Pieces into rows, in C."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from yue.errors import NativeError
from yue.native.library import library


def best_fit(
    lengths: npt.NDArray[np.int64], room: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Best-fit-decreasing bin packing: equal input, equal output, on every machine.

    The longest piece first, equal ones in their order, each into the row with the least room that
    still holds it; of such rows into the one that came to this room last.

    Args:
        lengths: Of the pieces, each in 1..room, shape (P,).
        room: Of a row.

    Returns:
        The pieces row by row, int64, shape (P,), and where each row starts among them, int64,
        shape (rows + 1,).

    Raises:
        NativeError: A length is outside 1..room, or there is no memory.
    """
    native = library()
    ffi = native.ffi
    array = np.ascontiguousarray(lengths, dtype=np.int64)
    members, starts = np.empty(array.size, np.int64), np.empty(array.size + 1, np.int64)
    rows, bad = ffi.new("int64_t *"), ffi.new("int64_t *")
    status = native.lib.yue_best_fit(
        native.pointer(array),
        array.size,
        room,
        native.pointer(members, True),
        native.pointer(starts, True),
        rows,
        bad,
    )
    if status == native.lib.YUE_RANGE:
        raise NativeError(f"piece {bad[0]} of {array[bad[0]]} tokens in rows of {room}")
    if status:
        raise NativeError(f"yue_best_fit failed (status {status})")
    return members, starts[: int(rows[0]) + 1].copy()
