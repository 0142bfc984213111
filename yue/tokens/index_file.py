"""A .idx file, read and checked whole, and held to its .bin."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from yue.errors import NativeError, TokenFileError
from yue.native.checksum import crc32c
from yue.native.index import IndexArrays, IndexFault, read_index
from yue.tokens.megatron import HEADER, REBUILD, Header, bin_path, idx_path, parse_header


@dataclass(frozen=True)
class Counts:
    """How much is in a token file."""

    documents: int
    sequences: int
    tokens: int


def count(prefix: Path) -> Counts:
    """Documents, sequences and tokens, from the index and the size of the .bin.

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
            f"{path}: damaged at byte {_byte(found, header)}",
            why=f"{found.array}[{found.element}] does not fit the values before it",
            fix=REBUILD,
        )
    return replace(found, crc=crc32c(rest, found.crc)), header


def check_bin(stream: IO[bytes], path: Path, index: IndexArrays) -> None:
    """Hold an open .bin to the size that its index names.

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


def _byte(fault: IndexFault, header: Header) -> int:
    """Where in the .idx the faulty element lies."""
    start, width = {
        "lengths": (0, 4),
        "pointers": (4 * header.sequences, 8),
        "documents": (12 * header.sequences, 8),
    }[fault.array]
    return HEADER.size + start + width * fault.element
