"""One track's codes, read from a ``.npy`` that may be anything."""

from __future__ import annotations

import io
import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from yue.errors import SongError

_AGAIN = "encode the track again"


def read_codes(root: Path, path: str, place: str) -> npt.NDArray[Any]:
    """Codes of one track, integers, shape (K, T), at least one code.

    The file is read, not mapped: one that shrinks under a map kills the process. Messages name the
    path as the row does, so that the description of the files is the same on every machine.

    Args:
        root: Folder against which the path is resolved.
        path: As the row gives it.
        place: The row, for messages.

    Raises:
        SongError: There is no such file, or it holds no codes.
    """
    try:
        array = _array(_bytes(root / path))
    except FileNotFoundError as error:
        raise SongError(
            place, why=f"{path}: no such file", fix="run `yue tokenize`, or correct the path"
        ) from error
    except OSError as error:
        raise SongError(
            place,
            why=f"{path}: cannot be read ({error.strerror})",
            fix="check the path and its permissions",
        ) from error
    except Exception as error:  # a damaged header raises whatever NumPy's parser runs into
        raise SongError(place, why=f"{path}: not a .npy array ({error})", fix=_AGAIN) from error
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise SongError(
            place,
            why=f"{path}: {array.dtype} {array.shape}, not codes",
            fix="codes are integers of shape (codebooks, frames)",
        )
    if not array.size:
        raise SongError(place, why=f"{path}: no codes, shape {array.shape}", fix=_AGAIN)
    return array


def _bytes(path: Path) -> bytes:
    # Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(0, "not a regular file")
        return stream.readall()


def _array(data: bytes) -> npt.NDArray[Any]:
    if data[:8] != b"\x93NUMPY\x01\x00":  # any other version, or no .npy: NumPy decides
        found: npt.NDArray[Any] = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        return found
    start = 10 + int.from_bytes(data[8:10], "little")
    shape, is_fortran, dtype = _header(data[8:start])
    count = int(np.prod(shape, dtype=object))
    order: Any = "F" if is_fortran else "C"
    return np.frombuffer(data, dtype, count, start).reshape(shape, order=order)


@lru_cache(maxsize=1024)
def _header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """A header of version 1; parsing one takes longer than reading its codes."""
    return np.lib.format.read_array_header_1_0(io.BytesIO(data))
