"""Join several token files into one: the documents of the first, then of the second, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np

from yue.dataset.token_files import TokenFiles
from yue.errors import TokenFileError, UsageError
from yue.files import atomic_file
from yue.native.bin_writer import BLOCK_BYTES, BlockChecksums
from yue.temporary import sweep
from yue.tokens.megatron_files import bin_path, idx_path, info_path
from yue.tokens.pair_info import Checksums, TokenFileInfo, write_info
from yue.tokens.pair_writer import write_index

_CHUNK = 1 << 20
_ZEROS = bytes(_CHUNK)


def merge(prefixes: Sequence[Path], output_prefix: Path) -> TokenFileInfo:
    """Join token files of this project, each checked against its checksums on the way.

    Pointers are 64 bits. Files appear in the order of :func:`yue.tokens.pair_writer.pair_writer`:
    whenever the merge is cut off, there is the old output, or none, or the new one.

    Args:
        prefixes: Of the files, in order.
        output_prefix: Of the new ones.

    Returns:
        The new files' description.

    Raises:
        UsageError: There is nothing to merge, or the output is one of the inputs.
        TokenFileError: A file is damaged, or the files are not of one kind.
    """
    if not prefixes or output_prefix.resolve() in {prefix.resolve() for prefix in prefixes}:
        raise UsageError(
            f"cannot merge {len(prefixes)} token files into {output_prefix}",
            fix="name one or more files, and an output that is none of them",
        )
    parts = [TokenFiles.open(prefix) for prefix in prefixes]
    for part in parts:
        _check_kind(parts[0], part)
    sweep(bin_path(output_prefix))
    with atomic_file(bin_path(output_prefix)) as target:
        checksums = BlockChecksums()
        for part in parts:
            _copy(part, target, checksums)
        target.truncate()  # after a hole, the file is to end where it is
        info_path(output_prefix).unlink(missing_ok=True)
        idx_path(output_prefix).unlink(missing_ok=True)
    lengths = np.concatenate([part.lengths for part in parts])
    firsts = np.cumsum([0, *(len(part.lengths) for part in parts)], dtype=np.int64)
    marks = [part.marks[:-1] + first for part, first in zip(parts, firsts, strict=False)]
    crc = write_index(idx_path(output_prefix), lengths, np.concatenate([*marks, firsts[-1:]]))
    infos = [part.info for part in parts]
    info = replace(
        infos[0],
        rows=sum(info.rows for info in infos),
        documents=sum(info.documents for info in infos),
        sequences=len(lengths),
        tokens=sum(info.tokens for info in infos),
        song_ids=tuple(chain.from_iterable(info.song_ids for info in infos)),
        rejected=tuple(chain.from_iterable(info.rejected for info in infos)),
        checksums=Checksums(BLOCK_BYTES, tuple(checksums.values), crc),
    )
    write_info(info_path(output_prefix), info)
    return info


def _check_kind(first: TokenFiles, other: TokenFiles) -> None:
    for name in ("options", "codec", "vocabulary_rows", "tokenizer_digest", "reference_marker"):
        one, two = getattr(first.info, name), getattr(other.info, name)
        if one != two:
            raise TokenFileError(
                f"{other.prefix}: another kind of token files than {first.prefix}",
                why=f"{name} is {two}, there {one}",
                fix="write both with the same codec, tokenizer and options of `yue mmap`",
            )


def _copy(part: TokenFiles, target: IO[bytes], checksums: BlockChecksums) -> None:
    """Copy a .bin; what is only zeros becomes a hole of the file, as it may have been one."""
    own = BlockChecksums(part.info.checksums.block_bytes)
    with bin_path(part.prefix).open("rb") as source:
        while chunk := source.read(_CHUNK):
            own.add(chunk)
            checksums.add(chunk)
            if chunk == _ZEROS:
                target.seek(_CHUNK, 1)
            else:
                target.write(chunk)
    part.check(own.values)
