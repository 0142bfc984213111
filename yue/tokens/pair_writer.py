"""Write a pair of ``.bin`` and ``.idx``, whole or not at all."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yue.files import atomic_file
from yue.native.bin_writer import BLOCK_BYTES, BinWriter, crc32c
from yue.native.index_arrays import index_pointers
from yue.temporary import sweep
from yue.tokens.layouts.blocks import Document
from yue.tokens.megatron_files import INT32, Header, bin_path, idx_path, info_path
from yue.tokens.pair_info import Checksums

_ITEM_SIZE = 4
_BLOCK = 1 << 15  # sequences: 256 KiB of pointers, which the second-level cache holds


@dataclass(frozen=True)
class WrittenPair:
    """What was written."""

    documents: int
    sequences: int
    tokens: int
    checksums: Checksums


class PairWriter:
    """Writes documents as int32 ``.bin`` and ``.idx``; one document each.

    Made by :func:`pair_writer`.
    """

    def __init__(self, writer: BinWriter) -> None:
        self._writer = writer
        self._lengths, self._marks = array("i"), array("q", [0])
        self._written: WrittenPair | None = None

    def append(self, document: Document) -> None:
        """Add a document to the end.

        Raises:
            NativeError: An id is out of range.
        """
        self._writer.append(document.tokens)
        self._lengths.extend(document.lengths)
        self._marks.append(len(self._lengths))

    @property
    def written(self) -> WrittenPair:
        """What was written, once the files are there."""
        if self._written is None:
            raise RuntimeError("the files are not there yet")
        return self._written

    def finish(self, path: Path, blocks: Sequence[int]) -> None:
        """Write the ``.idx`` of a ``.bin`` that is complete; ``blocks`` are its checksums."""
        lengths = np.frombuffer(self._lengths, np.int32)
        crc = write_index(path, lengths, np.frombuffer(self._marks, np.int64))
        self._written = WrittenPair(
            documents=len(self._marks) - 1,
            sequences=len(self._lengths),
            tokens=self._writer.bytes_appended // _ITEM_SIZE,
            checksums=Checksums(BLOCK_BYTES, tuple(blocks), crc),
        )


@contextlib.contextmanager
def pair_writer(prefix: Path, *, limit: int) -> Iterator[PairWriter]:
    """Yield a writer of documents whose files appear at the end, whole, or not at all.

    The ``.bin`` appears first and the ``.idx`` last, and an older pair's ``.idx`` goes before
    either: whenever the write is cut off, there is the old pair, or no index, or the new pair.
    What killed writers of the same files left is removed first.

    Args:
        prefix: Path of both files without the suffix.
        limit: Ids must lie in [0, limit).

    Raises:
        OSError: The file system refused a write.
    """
    sweep(bin_path(prefix))
    with atomic_file(bin_path(prefix)) as stream:
        with BinWriter(stream.fileno(), limit=limit) as writer:
            pair = PairWriter(writer)
            yield pair
        blocks = writer.checksums()
        info_path(prefix).unlink(missing_ok=True)
        idx_path(prefix).unlink(missing_ok=True)
    pair.finish(idx_path(prefix), blocks)


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
        for part in _yield_index_parts(lengths, marks):
            stream.write(part)
            crc = crc32c(part, crc)
    return crc


def _yield_index_parts(
    lengths: npt.NDArray[np.int32], marks: npt.NDArray[np.int64]
) -> Iterator[memoryview]:
    """Yield the bytes of a .idx in parts that stay in the processor's cache."""
    yield memoryview(Header(INT32, len(lengths), len(marks)).pack())
    blocks = [lengths[at : at + _BLOCK] for at in range(0, len(lengths), _BLOCK)]
    for block in blocks:
        yield _as_little_endian(block, "<i4")
    end = 0
    for block in blocks:
        pointers, end = index_pointers(block, item_size=_ITEM_SIZE, start=end)
        yield _as_little_endian(pointers, "<i8")
    yield _as_little_endian(marks, "<i8")


def _as_little_endian(values: npt.NDArray[np.signedinteger], dtype: str) -> memoryview:
    # Swaps bytes on a big-endian host only; elsewhere these are the array's own bytes.
    if not values.size:
        return memoryview(b"")
    return values.astype(dtype, copy=False).view(np.uint8).data
