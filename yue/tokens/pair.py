"""Writing a pair of ``.bin`` and ``.idx``, whole or not at all."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yue.files import atomic_file
from yue.native.checksum import BLOCK_BYTES, crc32c
from yue.native.index import index_pointers
from yue.native.writer import BinWriter
from yue.temporary import sweep
from yue.tokens.info import Checksums
from yue.tokens.layouts.document import Document
from yue.tokens.megatron import INT32, Header, bin_path, idx_path, info_path

_ITEM_SIZE = 4
_BLOCK = 1 << 15  # sequences


@dataclass(frozen=True)
class WrittenPair:
    """What was written."""

    documents: int
    sequences: int
    tokens: int
    checksums: Checksums


def write_pair(prefix: Path, documents: Iterable[Document], *, limit: int) -> WrittenPair:
    """Write documents as int32 ``.bin`` and ``.idx``; one document each.

    The ``.bin`` appears first and the ``.idx`` last, and an older pair's ``.idx`` goes before
    either: whenever the write is cut off, there is the old pair, or no index, or the new pair.
    What killed writers of the same files left is removed first.

    Args:
        prefix: Path of both files without the suffix.
        documents: The documents; consumed once.
        limit: Ids must lie in [0, limit).

    Raises:
        NativeError: An id is out of range.
        OSError: The file system refused a write.
    """
    lengths, marks = array("i"), array("q", [0])
    sweep(bin_path(prefix))
    with atomic_file(bin_path(prefix)) as stream:
        with BinWriter(stream.fileno(), limit=limit) as writer:
            for document in documents:
                writer.append(document.tokens)
                lengths.extend(document.lengths)
                marks.append(len(lengths))
        checksums = writer.checksums()
        size = writer.bytes_appended
        info_path(prefix).unlink(missing_ok=True)
        idx_path(prefix).unlink(missing_ok=True)
    crc = write_index(
        idx_path(prefix), np.frombuffer(lengths, np.int32), np.frombuffer(marks, np.int64)
    )
    return WrittenPair(
        documents=len(marks) - 1,
        sequences=len(lengths),
        tokens=size // _ITEM_SIZE,
        checksums=Checksums(BLOCK_BYTES, tuple(checksums), crc),
    )


def write_index(path: Path, lengths: npt.NDArray[np.int32], marks: npt.NDArray[np.int64]) -> int:
    """Write the .idx of an int32 .bin, whole or not at all.

    Args:
        path: Of the file.
        lengths: Tokens of each sequence, int32, shape (S,).
        marks: Sequence at which each document starts, and S; int64, shape (documents + 1,).

    Returns:
        The CRC-32C of its bytes.
    """
    crc = 0
    with atomic_file(path) as stream:
        for part in _index_parts(lengths, marks):
            stream.write(part)
            crc = crc32c(part, crc)
    return crc


def _index_parts(
    lengths: npt.NDArray[np.int32], marks: npt.NDArray[np.int64]
) -> Iterator[memoryview]:
    """The bytes of a .idx in parts that stay in the processor's cache."""
    yield memoryview(Header(INT32, len(lengths), len(marks)).pack())
    blocks = [lengths[at : at + _BLOCK] for at in range(0, len(lengths), _BLOCK)]
    for block in blocks:
        yield _little_endian(block, "<i4")
    end = 0
    for block in blocks:
        pointers, end = index_pointers(block, item_size=_ITEM_SIZE, start=end)
        yield _little_endian(pointers, "<i8")
    yield _little_endian(marks, "<i8")


def _little_endian(values: npt.NDArray[np.signedinteger], dtype: str) -> memoryview:
    # Swaps bytes on a big-endian host only; elsewhere these are the array's own bytes.
    if not values.size:
        return memoryview(b"")
    return values.astype(dtype, copy=False).view(np.uint8).data
