"""Read tokens of many places of a .bin, with their roles, in one call of C; pack pieces into rows.

The GIL is free during a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from yue.errors import NativeError
from yue.native.library import Library, library


@dataclass(frozen=True)
class Form:
    """What roles depend on besides the ids; see :func:`yue.tokens.roles.roles_of`.

    Attributes:
        text_size: Ids below are text.
        block_start: ``<SOA>``.
        block_end: ``<EOA>``.
        stage_1: Follows ``<SOA>`` in a block of stage 2.
        lanes: Tracks that take turns in a block, 1 or 2.
        code_starts: The first id of each codebook, and the end of the last.
        marker: Ids right before the ``<SOA>`` of reference audio.
    """

    text_size: int
    block_start: int
    block_end: int
    stage_1: int
    lanes: int
    code_starts: tuple[int, ...]
    marker: tuple[int, ...]


@dataclass(frozen=True)
class Pieces:
    """Which parts of the output are pieces of documents, and where their roles go.

    Attributes:
        bounds: Start and end of each piece in the output, and how many of its first tokens are
            repeated context; int64, shape (P, 3). What lies in no piece gets no role.
        form: What the documents look like.
        roles: Filled in; uint8, contiguous, as many as the output has tokens.
    """

    bounds: npt.NDArray[np.int64]
    form: Form
    roles: npt.NDArray[np.uint8]


class GatherError(NativeError):
    """Some tokens cannot be had.

    Args:
        what: The fault.
        span: Which span it is in.
        token: The token of the file at which an id is out of range, or at which the file ends;
            None after a failed read.
        is_short: Whether the file ends there.
    """

    def __init__(self, what: str, span: int, token: int | None, *, is_short: bool = False) -> None:
        self.span, self.token, self.is_short = span, token, is_short
        super().__init__(what)


def gather(
    descriptor: int,
    spans: npt.NDArray[np.int64],
    out: npt.NDArray[np.int32] | npt.NDArray[np.int64],
    *,
    item_size: int,
    limit: int,
    pieces: Pieces | None = None,
) -> None:
    """Read spans of a .bin into an array; the GIL is free meanwhile.

    Nothing is mapped: a file cut short at any time is an error and never a signal.

    Args:
        descriptor: Of the open .bin.
        spans: First token in the file, number of tokens, place in the output; shape (N, 3).
        out: Filled in where spans say so, else left as it is; int32 or int64, contiguous, any
            shape (places count its elements in C order), so a whole batch is one call.
        item_size: Bytes a token in the file: 4 (int32) or 2 (uint16), little-endian.
        limit: Ids must lie in [0, limit).
        pieces: Where given, the role of every token of these pieces is filled in as well.

    Raises:
        GatherError: An id is out of range, the file is cut short, or a read failed.
        NativeError: A span or piece reaches outside the output, or an array is not as above.
    """
    native = library()
    if out.dtype not in (np.int32, np.int64) or not out.flags.c_contiguous:
        raise NativeError(f"the output must be contiguous int32 or int64, not {out.dtype}")
    keep, request = _make_pieces(native, pieces, out.size)
    rows, fault = _as_triples(spans, "spans"), native.ffi.new("int64_t[2]")
    ids, width = native.pointer(out, True), out.dtype.itemsize
    status = native.lib.yue_gather(
        descriptor, item_size, native.pointer(rows), len(rows), limit, ids, width, out.size,
        request, fault, fault + 1,
    )  # fmt: skip
    del keep
    if status:
        raise _fault_of(native, status, int(fault[0]), int(fault[1]), limit)


def _fault_of(native: Library, status: int, span: int, token: int, limit: int) -> NativeError:
    if status == native.lib.YUE_SHORT:
        return GatherError(f"the file ends at token {token}", span, token, is_short=True)
    if status == native.lib.YUE_RANGE and token >= 0:
        return GatherError(f"token {token} is outside 0..{limit - 1}", span, token)
    if status == native.lib.YUE_RANGE:
        return NativeError(f"span or piece {span} reaches outside the output")
    if status == native.lib.YUE_IO:
        return GatherError(f"a read failed (errno {token})", span, None)
    return NativeError(f"yue_gather refused its arguments (status {status})")


def _make_pieces(native: Library, pieces: Pieces | None, tokens: int) -> tuple[list[Any], Any]:
    """Return the C structure, and what must stay alive beside it."""
    ffi = native.ffi
    if pieces is None:
        return [], ffi.NULL
    out = pieces.roles
    if out.dtype != np.uint8 or out.size != tokens or not out.flags.c_contiguous:
        raise NativeError(f"roles must be {tokens} contiguous uint8, not {out.size} {out.dtype}")
    bounds, form = _as_triples(pieces.bounds, "bounds"), pieces.form
    starts = ffi.new("int32_t[]", form.code_starts)
    marker = ffi.new("int32_t[]", form.marker)
    c_form = ffi.new(
        "yue_form *",
        {
            "text_size": form.text_size,
            "block_start": form.block_start,
            "block_end": form.block_end,
            "stage_1": form.stage_1,
            "lanes": form.lanes,
            "codebooks": len(form.code_starts) - 1,
            "code_starts": starts,
            "marker_size": len(form.marker),
            "marker": marker,
        },
    )
    data, target = native.pointer(bounds), native.pointer(out, True)
    fields = {"bounds": data, "count": len(bounds), "form": c_form, "roles": target}
    return [starts, marker, c_form, bounds, data, target], ffi.new("yue_pieces *", fields)


def _as_triples(values: npt.NDArray[Any], what: str) -> npt.NDArray[np.int64]:
    if values.ndim != 2 or values.shape[1] != 3 or values.dtype.kind not in "iu":
        raise NativeError(f"{what} must be integers of shape (N, 3), not {values.shape}")
    return np.ascontiguousarray(values, dtype=np.int64)


def best_fit(
    lengths: npt.NDArray[np.int64], room: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pack by best fit, longest first: equal input, equal output, on every machine.

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
