"""Arrays that are kept between runs, found by a digest of all that they depend on.

An entry is one file, whole or not there: magic, length of a JSON head (key, names, types, shapes),
head, arrays, and the CRC-32C of everything before it. Whatever is wrong with it, short, damaged, or
of another key, it is built anew; several processes may build it at once, the last one's file stays
and a reader keeps the one it opened.
"""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from yue.files import atomic_file
from yue.native.bin_writer import crc32c

Arrays = dict[str, npt.NDArray[Any]]

_START = struct.Struct("<8sI")
_MAGIC = b"YUEARRAY"
_CRC = struct.Struct("<I")


def cached(folder: Path, key: str, build: Callable[[], Mapping[str, npt.NDArray[Any]]]) -> Arrays:
    """The arrays of a key: read where they are kept, else built and kept.

    Args:
        folder: Of the cache; made where it is missing.
        key: A digest, also the name of the file.
        build: Makes the arrays.

    Returns:
        The arrays by name; those that were read cannot be written to.
    """
    path = folder / f"{key}.arrays"
    kept = _read(path, key)
    if kept is not None:
        return kept
    arrays = dict(build())
    with contextlib.suppress(OSError):  # a cache that cannot be written is no fault of the arrays
        _write(path, key, arrays)
    return arrays


def _write(path: Path, key: str, arrays: Arrays) -> None:
    kinds = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    head = json.dumps({"key": key, "arrays": kinds}).encode()
    crc = 0
    with atomic_file(path) as stream:
        start = memoryview(_START.pack(_MAGIC, len(head)) + head)
        parts: list[memoryview] = [start, *map(_bytes_of, arrays.values())]
        for part in parts:
            stream.write(part)
            crc = crc32c(part, crc)
        stream.write(_CRC.pack(crc))


def _bytes_of(array: npt.NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _read(path: Path, key: str) -> Arrays | None:
    try:
        return parse(path.read_bytes(), key)
    except OSError:
        return None


def parse(data: bytes, key: str) -> Arrays | None:
    """The arrays of an entry, or None where it is not a whole one of this key."""
    try:
        magic, size = _START.unpack_from(data)
        (crc,) = _CRC.unpack(data[-_CRC.size :])
        if magic != _MAGIC or crc32c(memoryview(data)[: -_CRC.size]) != crc:
            return None
        place = _START.size + size
        head = json.loads(data[_START.size : place])
        arrays = {}
        for name, dtype, shape in head["arrays"]:
            count = int(np.prod(shape, dtype=np.int64))
            arrays[name] = np.frombuffer(data, dtype, count, place).reshape(shape)
            place += arrays[name].nbytes
        return arrays if head["key"] == key else None
    except (struct.error, ValueError, KeyError, TypeError):
        return None
