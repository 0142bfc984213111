"""CRC-32C of bytes, in C."""

from __future__ import annotations

from pathlib import Path

from yue.native.library import library

# One checksum covers this many bytes of a .bin: a damaged place is found to within one block.
BLOCK_BYTES = 64 << 20


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


def file_checksums(path: Path, block_bytes: int = BLOCK_BYTES) -> list[int]:
    """CRC-32C of each block of a file; the last block may be shorter."""
    checksums: list[int] = []
    chunk_bytes = 1 << 20
    with path.open("rb") as stream:
        while True:
            crc, left = 0, block_bytes
            while left and (chunk := stream.read(min(left, chunk_bytes))):
                crc = crc32c(chunk, crc)
                left -= len(chunk)
            if left == block_bytes:
                return checksums
            checksums.append(crc)
