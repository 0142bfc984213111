"""What each C function does, in plain NumPy: the other side of the differential tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from yue.errors import NativeError

_CASTAGNOLI = 0x82F63B78  # reflected, RFC 3720 B.4


def _check(codes: npt.NDArray[np.int16], size: int) -> None:
    if codes.size and not (int(codes.min()) >= 0 and int(codes.max()) < size):
        raise NativeError(f"a code is outside 0..{size - 1}")


def interleave(
    first: npt.NDArray[np.int16], second: npt.NDArray[np.int16], *, offset: int, size: int
) -> npt.NDArray[np.int32]:
    """Twin of :func:`yue.native.code_ids.interleave`."""
    lanes = np.stack([first, second], axis=1)
    _check(lanes, size)
    return (lanes.reshape(-1).astype(np.int64) + offset).astype(np.int32)


def flatten(
    codes: npt.NDArray[np.int16], *, offsets: tuple[int, ...], sizes: tuple[int, ...]
) -> npt.NDArray[np.int32]:
    """Twin of :func:`yue.native.code_ids.flatten`."""
    for row, size in zip(codes, sizes, strict=True):
        _check(row, size)
    ids = codes.astype(np.int64) + np.asarray(offsets, dtype=np.int64)[:, None]
    return ids.T.reshape(-1).astype(np.int32)


def crc32c(data: bytes, crc: int = 0) -> int:
    """Twin of :func:`yue.native.bin_writer.crc32c`, bit by bit."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_CASTAGNOLI if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def index_pointers(
    lengths: npt.NDArray[np.int32], *, item_size: int
) -> tuple[npt.NDArray[np.int64], int]:
    """Twin of :func:`yue.native.index_arrays.index_pointers`."""
    if lengths.size and int(lengths.min()) < 0:
        raise NativeError("a length is negative")
    ends = np.cumsum(lengths.astype(np.int64) * item_size)
    starts = np.concatenate([np.zeros(1, np.int64), ends])
    return starts[:-1], int(starts[-1])


def index_fault(
    lengths: npt.NDArray[np.int32],
    pointers: npt.NDArray[np.int64],
    documents: npt.NDArray[np.int64],
    *,
    item_size: int,
) -> str | None:
    """Twin of :func:`yue.native.index_arrays.read_index`: the first array with a fault, or None."""
    if lengths.size and int(lengths.min()) < 0:
        return "lengths"
    if not np.array_equal(pointers, index_pointers(lengths, item_size=item_size)[0]):
        return "pointers"
    closed = documents[0] == 0 and documents[-1] == len(lengths)
    return None if closed and bool(np.all(np.diff(documents) >= 0)) else "documents"


def gather(
    ids: npt.NDArray[np.integer],
    spans: npt.NDArray[np.int64],
    out: npt.NDArray[np.integer],
    *,
    limit: int,
) -> tuple[int, int] | None:
    """Twin of :func:`yue.native.document_gather.gather`: fills ``out``; the first fault."""
    for number, (start, count, place) in enumerate(spans.tolist()):
        part = ids[start : start + count]
        if len(part) < count:
            return number, max(start, len(ids))
        outside = np.flatnonzero(part >= limit)
        if len(outside):
            return number, start + int(outside[0])
        out[place : place + count] = part
    return None


def best_fit(lengths: npt.NDArray[np.int64], room: int) -> list[list[int]]:
    """Twin of :func:`yue.native.document_gather.best_fit`: the pieces of each row."""
    rows: list[list[int]] = []
    by_room: list[list[int]] = [[] for _ in range(room + 1)]
    for piece in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[piece])
        found = next((r for r in range(length, room + 1) if by_room[r]), None)
        if found is None:
            found, row = room, len(rows)
            rows.append([])
        else:
            row = by_room[found].pop()
        rows[row].append(piece)
        by_room[found - length].append(row)
    return rows


def sample_index(sizes: npt.NDArray[np.int32], *, step: int, rows: int) -> npt.NDArray[np.int64]:
    """Twin of :func:`yue.native.gpt_arrays.sample_index`; ``sizes`` in the order of reading."""
    ends = np.cumsum(sizes, dtype=np.int64)
    marks = np.arange(rows, dtype=np.int64) * step
    positions = np.searchsorted(ends, marks, side="right")
    out = np.stack([positions, marks - (ends - sizes)[positions]], axis=1)
    out[:1] = 0
    return out


def blend(
    weights: npt.NDArray[np.float64], size: int
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    """Twin of :func:`yue.native.gpt_arrays.blend`."""
    given = np.zeros(len(weights), dtype=np.int64)
    sets, samples = np.empty(size, np.int16), np.empty(size, np.int64)
    for t in range(size):
        best = int(np.argmax(weights * max(t, 1.0) - given))
        sets[t], samples[t] = best, given[best]
        given[best] += 1
    return sets, samples
