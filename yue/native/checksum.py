"""CRC-32C of bytes, in C."""

from __future__ import annotations

from pathlib import Path

from yue.native.library import library

# One checksum covers this many bytes of a .bin: a damaged place is found to within one block.
BLOCK_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20


def crc32c(data: bytes | bytearray | memoryview, crc: int = 0) -> int:
    """CRC-32C (Castagnoli, RFC 3720 B.4).

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
        """Go on with more bytes."""
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
    """CRC-32C of each block of a file; the last block may be shorter."""
    checksums = BlockChecksums(block_bytes)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            checksums.add(chunk)
    return checksums.values
