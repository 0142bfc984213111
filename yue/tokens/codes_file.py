"""Read the codes of a track from a ``.npy``: the one reader, whoever made the file.

This module imports nothing but NumPy, so that a stage that reads codes depends on little else.
"""

from __future__ import annotations

import io
import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ENCODE_AGAIN = "encode the track again"


class CodesError(ValueError):
    """Raised when a file holds no codes.

    Args:
        message: What it holds.
        fix: What to do.
    """

    def __init__(self, message: str, fix: str = ENCODE_AGAIN) -> None:
        self.fix = fix
        super().__init__(message)


def read_codes(path: Path) -> npt.NDArray[Any]:
    """Read the codes of one track: integers, shape (K, T), at least one code.

    The file is read, not mapped: one that shrinks under a map kills the process.

    Raises:
        OSError: There is no such file, or it cannot be read.
        CodesError: It holds no codes.
    """
    try:
        array = _parse_npy(_read_bytes(path))
    except OSError:
        raise
    except Exception as error:  # a damaged header raises whatever NumPy's parser runs into
        raise CodesError(f"not a .npy array ({error})") from error
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise CodesError(
            f"{array.dtype} {array.shape}, not codes",
            fix="codes are integers of shape (codebooks, frames)",
        )
    if not array.size:
        raise CodesError(f"no codes, shape {array.shape}")
    return array


def _read_bytes(path: Path) -> bytes:
    # Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(0, "not a regular file")
        return stream.readall()


def _parse_npy(data: bytes) -> npt.NDArray[Any]:
    if data[:8] != b"\x93NUMPY\x01\x00":  # any other version, or no .npy: NumPy decides
        found: npt.NDArray[Any] = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        return found
    start = 10 + int.from_bytes(data[8:10], "little")
    shape, is_fortran, dtype = _parse_header(data[8:start])
    count = int(np.prod(shape, dtype=object))
    order: Any = "F" if is_fortran else "C"
    return np.frombuffer(data, dtype, count, start).reshape(shape, order=order)


@lru_cache(maxsize=1024)
def _parse_header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Parse a header of version 1; that takes longer than reading its codes."""
    return np.lib.format.read_array_header_1_0(io.BytesIO(data))
