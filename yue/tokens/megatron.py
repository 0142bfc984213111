r"""The Megatron ``.bin``/``.idx`` format, version 1, all little-endian.

``.bin`` is the tokens of all sequences, back to back, without a header. ``.idx``:

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

Source: Megatron-LM, ``megatron/core/datasets/indexed_dataset.py``; the same in NeMo, datatrove and
YuE v1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yue.errors import TokenFileError, UsageError

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
HEADER = struct.Struct("<9sQBQQ")
INT32 = 4
DTYPES: dict[int, npt.DTypeLike] = {INT32: np.dtype("<i4"), 8: np.dtype("<u2")}
"""The type codes that hold YuE's ids: int32, which upstream writes, and uint16."""

REBUILD = "delete the .bin, .idx and .json and write them again with `yue mmap`"


def bin_path(prefix: Path) -> Path:
    """The tokens of a prefix."""
    return _beside(prefix, ".bin")


def idx_path(prefix: Path) -> Path:
    """The index of a prefix."""
    return _beside(prefix, ".idx")


def info_path(prefix: Path) -> Path:
    """What the tokens are, beside them (this project's own file)."""
    return _beside(prefix, ".json")


def _beside(prefix: Path, suffix: str) -> Path:
    if not prefix.name:
        raise UsageError(f"prefix {prefix}", fix="name the files: a path without .bin and .idx")
    return prefix.with_name(f"{prefix.name}{suffix}")


def as_prefix(path: Path) -> Path:
    """The prefix of token files, from itself or from one of the files."""
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
        """The header as it lies in the file."""
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
        raise _bad(path, len(data), f"the file ends within the header of {HEADER.size} bytes")
    magic, version, code, sequences, marks = HEADER.unpack(data)
    if magic != MAGIC:
        raise _bad(path, 0, f"starts with {magic!r}, not with {MAGIC!r}: not a Megatron index")
    if version != VERSION:
        raise _bad(path, 9, f"version {version}; only version {VERSION} is known")
    if code not in DTYPES:
        raise _bad(path, 17, f"type code {code}; token ids are int32 (4) or uint16 (8)")
    if marks < 1:
        raise _bad(path, 26, "no document marks; there is always at least one")
    header = Header(code, sequences, marks)
    # A multimodal index has one more byte a sequence, which says nothing about tokens.
    if size not in (header.file_size, header.file_size + sequences):
        raise _bad(
            path,
            min(size, header.file_size),
            f"{sequences} sequences and {marks - 1} documents need {header.file_size} bytes, the "
            f"file has {size}",
        )
    return header


def _bad(path: Path, offset: int, why: str) -> TokenFileError:
    return TokenFileError(f"{path}: damaged at byte {offset}", why=why, fix=REBUILD)
