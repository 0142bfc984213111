"""Arrays that are kept between runs, found by a digest of all that they depend on.

An entry is one file, whole or not there: magic, length of a JSON head (key, names, types, shapes),
head, arrays, and the CRC-32C of everything before it. One that is short, damaged or of another key
is built again, where upstream's cache ends every later start. Several processes may build an entry
at once: the last one's file stays, and a reader keeps the one it opened.
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


def load_or_build(
    folder: Path, key: str, build: Callable[[], Mapping[str, npt.NDArray[Any]]]
) -> Arrays:
    """Read the arrays of a key where they are kept, else build and keep them.

    Args:
        folder: Of the cache; made where it is missing.
        key: A digest, also the name of the file.
        build: Makes the arrays.

    Returns:
        The arrays by name; those that were read cannot be written to.
    """
    path = folder / f"{key}.arrays"
    with contextlib.suppress(OSError):
        if (kept := parse_entry(path.read_bytes(), key)) is not None:
            return kept
    arrays = dict(build())
    with contextlib.suppress(OSError):  # a cache that cannot be written is no fault of the arrays
        _write(path, key, arrays)
    return arrays


def _write(path: Path, key: str, arrays: Arrays) -> None:
    kinds = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    head = json.dumps({"key": key, "arrays": kinds}).encode()
    crc = 0
    start = memoryview(_START.pack(_MAGIC, len(head)) + head)
    bodies = (np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays.values())
    with atomic_file(path) as stream:
        for part in (start, *(body.data for body in bodies)):
            stream.write(part)
            crc = crc32c(part, crc)
        stream.write(_CRC.pack(crc))


def parse_entry(data: bytes, key: str) -> Arrays | None:
    """Return the arrays of an entry, or None where it is not a whole one of this key."""
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
