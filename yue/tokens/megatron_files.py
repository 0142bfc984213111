r"""The Megatron ``.bin``/``.idx`` format, version 1; an index is read and checked whole.

All values are little-endian. ``.bin`` is the tokens of all sequences, back to back, without a
header. ``.idx``:

====== =========== ==========================================================
byte   type        what
====== =========== ==========================================================
0      9 bytes     ``MMIDIDX\0\0``
9      u64         version, 1
17     u8          code of the tokens' type
18     u64         S, the number of sequences
26     u64         D, the number of documents + 1
34     i32[S]      tokens of each sequence
..     i64[S]      byte offset of each sequence in the .bin
..     i64[D]      sequence at which each document starts; the last is S
====== =========== ==========================================================

34 is no multiple of 4, so every array is misaligned and C reads it through copies.

Source: Megatron-LM, ``megatron/core/datasets/indexed_dataset.py``; the same in NeMo, datatrove and
YuE v1.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from yue.errors import NativeError, TokenFileError, UsageError
from yue.native.bin_writer import crc32c
from yue.native.index_arrays import IndexArrays, IndexFault, read_index

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
HEADER = struct.Struct("<9sQBQQ")
INT32 = 4
DTYPES: dict[int, npt.DTypeLike] = {INT32: np.dtype("<i4"), 8: np.dtype("<u2")}
"""The type codes that hold YuE's ids: int32, which upstream writes, and uint16."""

REBUILD = "delete the .bin, .idx and .json and write them again with `yue mmap`"


def bin_path(prefix: Path) -> Path:
    """Return the path of the tokens."""
    return _add_suffix(prefix, ".bin")


def idx_path(prefix: Path) -> Path:
    """Return the path of the index."""
    return _add_suffix(prefix, ".idx")


def info_path(prefix: Path) -> Path:
    """Return the path of what the tokens are (this project's own file)."""
    return _add_suffix(prefix, ".json")


def _add_suffix(prefix: Path, suffix: str) -> Path:
    if not prefix.name:
        raise UsageError(f"prefix {prefix}", fix="name the files: a path without .bin and .idx")
    return prefix.with_name(f"{prefix.name}{suffix}")


def as_prefix(path: Path) -> Path:
    """Return the prefix of token files, from itself or from one of the files."""
    return path.with_suffix("") if path.suffix in (".bin", ".idx", ".json") else path


@dataclass(frozen=True)
class Header:
    """The fixed part of a .idx file.

    Attributes:
        dtype_code: Type of the tokens, a key of :data:`DTYPES`.
        sequences: S.
        marks: D, documents + 1.
    """

    dtype_code: int
    sequences: int
    marks: int

    @property
    def item_size(self) -> int:
        """Bytes a token."""
        return np.dtype(DTYPES[self.dtype_code]).itemsize

    @property
    def file_size(self) -> int:
        """Bytes of the whole .idx."""
        return HEADER.size + 12 * self.sequences + 8 * self.marks

    def pack(self) -> bytes:
        """Return the header as it lies in the file."""
        return HEADER.pack(MAGIC, VERSION, self.dtype_code, self.sequences, self.marks)


def parse_header(data: bytes, size: int, path: Path) -> Header:
    """Check the header of a .idx, and that the file has the size it promises.

    Args:
        data: The first bytes of the file.
        size: Of the file, in bytes.
        path: What messages call it.

    Raises:
        TokenFileError: The file is no index, or is cut short; with its offset.
    """
    if len(data) < HEADER.size:
        raise _damage_at(path, len(data), f"the file ends within the header of {HEADER.size} bytes")
    magic, version, code, sequences, marks = HEADER.unpack(data)
    if magic != MAGIC:
        raise _damage_at(
            path, 0, f"starts with {magic!r}, not with {MAGIC!r}: not a Megatron index"
        )
    if version != VERSION:
        raise _damage_at(path, 9, f"version {version}; only version {VERSION} is known")
    if code not in DTYPES:
        raise _damage_at(path, 17, f"type code {code}; token ids are int32 (4) or uint16 (8)")
    if marks < 1:
        raise _damage_at(path, 26, "no document marks; there is always at least one")
    header = Header(code, sequences, marks)
    # A multimodal index has one more byte a sequence, which says nothing about tokens.
    if size not in (header.file_size, header.file_size + sequences):
        raise _damage_at(
            path,
            min(size, header.file_size),
            f"{sequences} sequences and {marks - 1} documents need {header.file_size} bytes, the "
            f"file has {size}",
        )
    return header


def _damage_at(path: Path, offset: int, why: str) -> TokenFileError:
    return TokenFileError(f"{path}: damaged at byte {offset}", why=why, fix=REBUILD)


@dataclass(frozen=True)
class Counts:
    """How much is in a token file."""

    documents: int
    sequences: int
    tokens: int


def count(prefix: Path) -> Counts:
    """Count documents, sequences and tokens, by the index and the size of the .bin.

    Raises:
        TokenFileError: A file is missing or damaged, or the .bin is not this index's.
    """
    index, _ = read_index_file(idx_path(prefix))
    with open_file(bin_path(prefix)) as stream:
        check_bin(stream, bin_path(prefix), index)
    return Counts(len(index.documents) - 1, len(index.lengths), int(index.starts[-1]))


def read_index_file(path: Path) -> tuple[IndexArrays, Header]:
    """Read and check a whole .idx, from one descriptor: it may be replaced meanwhile.

    Returns:
        Its arrays (their checksum is the whole file's) and its header.

    Raises:
        TokenFileError: The file is missing or damaged; with its byte.
    """
    with open_file(path) as stream:
        try:
            first = stream.read(HEADER.size)
            header = parse_header(first, os.fstat(stream.fileno()).st_size, path)
            found = read_index(
                stream.fileno(),
                start=HEADER.size,
                sequences=header.sequences,
                marks=header.marks,
                item_size=header.item_size,
                crc=crc32c(first),
            )
            stream.seek(header.file_size)
            rest = stream.read()  # of a multimodal index
        except (OSError, NativeError) as error:
            raise TokenFileError(f"{path}: cannot be read", why=str(error), fix=REBUILD) from error
    if isinstance(found, IndexFault):
        raise TokenFileError(
            f"{path}: damaged at byte {_byte_of(found, header)}",
            why=f"{found.array}[{found.element}] does not fit the values before it",
            fix=REBUILD,
        )
    return replace(found, crc=crc32c(rest, found.crc)), header


def check_bin(stream: IO[bytes], path: Path, index: IndexArrays) -> None:
    """Check that an open .bin has the size that its index names.

    Raises:
        TokenFileError: It has another.
    """
    size = os.fstat(stream.fileno()).st_size
    if size != index.bin_size:
        raise TokenFileError(
            f"{path}: {size} bytes, but the index names {index.bin_size}",
            why=f"it was cut short at byte {size}, or is not the .bin of this .idx",
            fix=REBUILD,
        )


def open_file(path: Path) -> IO[bytes]:
    """Open one of a pair of token files, unbuffered.

    Raises:
        TokenFileError: It is not there, or is not ours to read.
    """
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise TokenFileError(
            f"{path}: cannot be read ({error.strerror})",
            why="an index is written after its .bin, so a missing one means an unfinished write"
            if path.suffix == ".idx" and isinstance(error, FileNotFoundError)
            else "",
            fix=f"write it with `yue mmap`, or correct the prefix (the path without {path.suffix})",
        ) from error


def _byte_of(fault: IndexFault, header: Header) -> int:
    """Return where in the .idx the faulty element lies."""
    start, width = {
        "lengths": (0, 4),
        "pointers": (4 * header.sequences, 8),
        "documents": (12 * header.sequences, 8),
    }[fault.array]
    return HEADER.size + start + width * fault.element
