"""Turn codes into token ids, in C.

Every wrapper takes any NumPy array of integers, makes it contiguous and of the C type where it is
not, and holds it for as long as C reads it. The GIL is free during the call. Interleaving two
tracks of 30,000 codes takes 10 us, 1.5 times a memcpy (benchmarks/RESULTS.md, G2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from yue.errors import NativeError
from yue.native.library import library

_INT16_MAX = 32767


def interleave(
    first: npt.NDArray[Any], second: npt.NDArray[Any], *, offset: int, size: int
) -> npt.NDArray[np.int32]:
    """Interleave two lanes of codes as ids: first[0], second[0], first[1], second[1], ...

    Args:
        first: Codes of the lane at even positions, integers, shape (T,).
        second: Codes of the lane at odd positions, integers, shape (T,).
        offset: Id of code 0.
        size: Codes must lie in [0, size).

    Returns:
        Ids ``offset + code``, int32, shape (2T,).

    Raises:
        NativeError: A code is out of range (the message has its frame and lane), the lanes differ
            in length, or an array is not of integers.
    """
    native = library()
    if first.dtype == second.dtype == np.int64 and first.ndim == second.ndim == 1:
        one, two = np.ascontiguousarray(first), np.ascontiguousarray(second)
        function = native.lib.yue_interleave64
    else:
        one, two = _as_int16(first, 1, size), _as_int16(second, 1, size)
        function = native.lib.yue_interleave
    frames = len(one)
    if len(two) != frames:
        raise NativeError(f"two lanes of different length: {frames} and {len(two)} frames")
    out, bad = np.empty(2 * frames, np.int32), native.ffi.new("int64_t *")
    lanes, ids = (native.pointer(one), native.pointer(two)), native.pointer(out, True)
    status = function(*lanes, frames, offset, size, ids, 2 * frames, bad)
    if status == native.lib.YUE_RANGE:
        frame, lane = divmod(int(bad[0]), 2)
        code = int((two if lane else one)[frame])
        raise _code_error(code, size, f"frame {frame} of lane {lane}")
    _check_status(status, "yue_interleave")
    return out


def flatten(
    codes: npt.NDArray[Any], *, offsets: tuple[int, ...], sizes: tuple[int, ...]
) -> npt.NDArray[np.int32]:
    """Flatten codes of K codebooks frame by frame: all codebooks of frame 0, then of frame 1, ...

    Args:
        codes: Integers, shape (K, T).
        offsets: Id of code 0 of each codebook, K values.
        sizes: Codes of codebook k must lie in [0, sizes[k]).

    Returns:
        Ids ``offsets[k] + code``, int32, shape (T * K,).

    Raises:
        NativeError: A code is out of range (the message has its frame and codebook), K differs
            from the number of offsets or sizes, or the array is not of integers.
    """
    native = library()
    array = _as_int16(codes, 2, max(sizes, default=0))
    books, frames = array.shape
    if not len(offsets) == len(sizes) == books:
        raise NativeError(f"{books} codebooks, but {len(offsets)} offsets and {len(sizes)} sizes")
    out = np.empty(array.size, dtype=np.int32)
    bad = native.ffi.new("int64_t *")
    status = native.lib.yue_flatten(
        native.pointer(array),
        books,
        frames,
        native.ffi.new("int32_t[]", offsets),
        native.ffi.new("int32_t[]", sizes),
        native.pointer(out, True),
        out.size,
        bad,
    )
    if status == native.lib.YUE_RANGE:
        book, frame = divmod(int(bad[0]), frames)
        raise _code_error(int(array[book, frame]), sizes[book], f"frame {frame}, codebook {book}")
    _check_status(status, "yue_flatten")
    return out


def _as_int16(codes: npt.NDArray[Any], dimensions: int, size: int) -> npt.NDArray[np.int16]:
    """Return codes as contiguous int16; a wider value is refused before it could wrap around."""
    if codes.dtype == np.int16 and codes.ndim == dimensions and size <= _INT16_MAX + 1:
        return np.ascontiguousarray(codes)
    if codes.ndim != dimensions or codes.dtype.kind not in "iu":
        raise NativeError(
            f"codes must be integers of {dimensions} dimension(s), not {codes.dtype} {codes.shape}"
        )
    if not 0 <= size <= _INT16_MAX + 1:
        raise NativeError(f"a codebook of {size} codes: codes are held in 16 bits")
    fits = np.can_cast(codes.dtype, np.int16)
    if not fits and codes.size and not (codes.min() >= 0 and codes.max() <= _INT16_MAX):
        worst = int(codes.min() if codes.min() < 0 else codes.max())
        raise NativeError(f"code {worst} is outside 0..{size - 1}")
    return np.ascontiguousarray(codes, dtype=np.int16)


def _code_error(code: int, size: int, place: str) -> NativeError:
    return NativeError(f"code {code} at {place} is outside 0..{size - 1}")


def _check_status(status: int, function: str) -> None:
    if status:
        raise NativeError(f"{function} refused its arguments (status {status})")
