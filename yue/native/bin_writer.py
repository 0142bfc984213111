"""Write .bin files in C, buffered, with a CRC-32C for each block; checksums of bytes and files."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from yue.errors import NativeError
from yue.native.library import library

# One checksum covers this many bytes of a .bin: a damaged place is found to within one block.
BLOCK_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20


def crc32c(data: bytes | bytearray | memoryview, crc: int = 0) -> int:
    """Return the CRC-32C of bytes (Castagnoli, RFC 3720 B.4).

    Args:
        data: The bytes.
        crc: Checksum of the bytes before these, to go on from; 0 at the start.

    Returns:
        The checksum, 0..2**32-1.
    """
    native = library()
    view = memoryview(data).cast("B")
    if not view.nbytes:
        return crc
    return int(native.lib.yue_crc32c(crc, native.ffi.from_buffer(view), view.nbytes))


class BlockChecksums:
    """CRC-32C of each block of a stream of bytes; the last block may be shorter.

    Args:
        block_bytes: Of a block.
    """

    def __init__(self, block_bytes: int = BLOCK_BYTES) -> None:
        self._block_bytes = block_bytes
        self._left = 0
        self.values: list[int] = []

    def add(self, data: bytes | memoryview) -> None:
        """Add more bytes."""
        view = memoryview(data).cast("B")
        while view.nbytes:
            if not self._left:
                self.values.append(0)
                self._left = self._block_bytes
            part = view[: self._left]
            self.values[-1] = crc32c(part, self.values[-1])
            self._left -= part.nbytes
            view = view[part.nbytes :]


def file_checksums(path: Path, block_bytes: int = BLOCK_BYTES) -> list[int]:
    """Return the CRC-32C of each block of a file; the last block may be shorter."""
    checksums = BlockChecksums(block_bytes)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            checksums.add(chunk)
    return checksums.values


class BinWriter:
    """Appends token ids to an open file as little-endian int32, with a checksum for every block.

    Use it as a context manager. Leaving it without an exception writes what is buffered; the file
    stays open and is the caller's to sync and close.

    Args:
        descriptor: An open, writable file descriptor; its Python file object must have nothing
            buffered.
        limit: Ids must lie in [0, limit).
        block_bytes: How many bytes a checksum covers.

    Raises:
        NativeError: No memory.
    """

    def __init__(self, descriptor: int, *, limit: int, block_bytes: int = BLOCK_BYTES) -> None:
        self._native = library()
        self._limit = limit
        pointer = self._native.ffi.new("yue_writer **")
        status = self._native.lib.yue_writer_open(descriptor, block_bytes, pointer)
        if status:
            raise NativeError(f"yue_writer_open failed (status {status})")
        # gc frees the C memory even if the context manager is never left
        self._writer: Any = self._native.ffi.gc(pointer[0], self._native.lib.yue_writer_close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.flush()

    def append(self, ids: npt.NDArray[Any]) -> None:
        """Append one sequence.

        Args:
            ids: Token ids, integers, shape (N,).

        Raises:
            NativeError: An id is out of range; nothing of this sequence is appended then.
            OSError: The file system refused the write.
        """
        if ids.ndim != 1 or ids.dtype.kind not in "iu" or ids.dtype == np.uint64:
            raise NativeError(
                f"a sequence is integers of one dimension, not {ids.dtype} {ids.shape}"
            )
        if not ids.size:
            return
        is_int32 = ids.dtype == np.int32
        array = np.ascontiguousarray(ids, dtype=np.int32 if is_int32 else np.int64)
        append = (
            self._native.lib.yue_writer_append if is_int32 else self._native.lib.yue_writer_append64
        )
        bad = self._native.ffi.new("int64_t *")
        status = append(
            self._writer,
            self._native.pointer(array),
            array.size,
            self._limit,
            bad,
        )
        if status == self._native.lib.YUE_RANGE:
            place = int(bad[0])
            raise NativeError(
                f"id {array[place]} at position {place} is outside 0..{self._limit - 1}"
            )
        self._check(status)

    def flush(self) -> None:
        """Write what is buffered.

        Raises:
            OSError: The file system refused the write.
        """
        self._check(self._native.lib.yue_writer_flush(self._writer))

    @property
    def bytes_appended(self) -> int:
        """Bytes appended, the buffered ones included."""
        return int(self._native.lib.yue_writer_bytes(self._writer))

    def checksums(self) -> list[int]:
        """Flush, and return the CRC-32C of each block."""
        self.flush()
        out = np.zeros(int(self._native.lib.yue_writer_blocks(self._writer)), dtype=np.uint32)
        if out.size:
            buffer = self._native.pointer(out, True)
            self._check(self._native.lib.yue_writer_checksums(self._writer, buffer, out.size))
        return [int(crc) for crc in out]

    def _check(self, status: int) -> None:
        if status == self._native.lib.YUE_IO:
            number = int(self._native.lib.yue_writer_errno(self._writer))
            raise OSError(number, os.strerror(number))
        if status:
            raise NativeError(f"the .bin writer failed (status {status})")
