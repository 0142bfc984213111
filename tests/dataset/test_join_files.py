"""Merging: the documents one after another, 64-bit pointers, damage found on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yue.dataset.join_files import merge
from yue.dataset.token_files import TokenFiles
from yue.errors import TokenFileError, UsageError
from yue.native.bin_writer import BLOCK_BYTES, file_checksums
from yue.tokens.megatron_files import bin_path, idx_path, info_path
from yue.tokens.pair_info import Checksums, read_info, write_info
from yue.tokens.pair_writer import write_index

FIRST = [(5, [(3, 60), (2, 55)]), (4, [(1, 70)])]
SECOND = [(6, [(2, 50), (3, 52), (1, 61)])]


def test_a_merge_is_what_one_write_of_all_gives(tmp_path: Path, write_songs: Any) -> None:
    """But for the songs' names, which the fixture counts from 0."""
    one = write_songs(tmp_path / "a", FIRST)
    two = write_songs(tmp_path / "b", SECOND)
    info = merge([tmp_path / "a", tmp_path / "b", tmp_path / "a"], tmp_path / "all")
    files = TokenFiles.open(tmp_path / "all")
    files.verify()
    assert files.info == info
    documents = [*one, *two, *one]
    assert files.documents == info.documents == 5
    for number, document in enumerate(documents):
        assert np.array_equal(files.document(number), document.tokens)
        lengths = list(document.lengths)
        assert files.sequence_lengths(number).tolist() == lengths
    assert info.song_ids == ("song 0", "song 1", "song 0", "song 0", "song 1")
    merge([tmp_path / "a"], tmp_path / "same")
    for path in (bin_path, idx_path, info_path):
        assert path(tmp_path / "same").read_bytes() == path(tmp_path / "a").read_bytes()


def test_a_damaged_part_is_found_and_nothing_appears(tmp_path: Path, write_songs: Any) -> None:
    write_songs(tmp_path / "a", FIRST)
    data = bytearray(bin_path(tmp_path / "a").read_bytes())
    data[100] ^= 1
    bin_path(tmp_path / "a").write_bytes(data)
    with pytest.raises(TokenFileError, match="damaged in the 67108864 bytes from byte 0"):
        merge([tmp_path / "a"], tmp_path / "all")
    assert not list(tmp_path.glob("*all*"))


def test_files_of_two_kinds_are_not_merged(tmp_path: Path, write_songs: Any) -> None:
    for name in ("a", "b"):
        write_songs(tmp_path / name, FIRST)
    path = info_path(tmp_path / "b")
    write_info(path, replace(read_info(path), tokenizer_digest="other"))
    with pytest.raises(TokenFileError, match="b: another kind of token files"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")


def test_a_merge_of_nothing_or_into_itself_is_refused(tmp_path: Path, write_songs: Any) -> None:
    write_songs(tmp_path / "a", FIRST)
    for prefixes in ([], [tmp_path / "a"], [tmp_path / "b" / ".." / "a"]):
        with pytest.raises(UsageError):
            merge(prefixes, tmp_path / "a")
    TokenFiles.open(tmp_path / "a").verify()


def test_a_merge_past_two_gibibytes_keeps_every_pointer(
    memory_folder: Path, write_songs: Any
) -> None:
    """A sparse file of 0.8 GiB, three times: upstream's sums of 32 bits turn negative here."""
    folder, sequence, count = memory_folder, 1 << 21, 100
    prefix = folder / "a"
    write_songs(prefix, [(5, [(3, 60)])] * 4)  # for its description
    with bin_path(prefix).open("r+b") as stream:
        stream.truncate(4 * sequence * count)
        stream.seek(4 * (sequence * count - 1))
        stream.write(np.array([7], dtype="<i4").tobytes())
    lengths = np.full(count, sequence, dtype=np.int32)
    crc = write_index(idx_path(prefix), lengths, np.arange(0, count + 1, 25))
    info = replace(
        read_info(info_path(prefix)),
        tokens=sequence * count,
        sequences=count,
        checksums=Checksums(BLOCK_BYTES, tuple(file_checksums(bin_path(prefix))), crc),
    )
    write_info(info_path(prefix), info)
    merge([prefix] * 3, folder / "all")
    files = TokenFiles.open(folder / "all")
    assert bin_path(folder / "all").stat().st_size == 3 * 4 * sequence * count > 2**31
    index = idx_path(folder / "all").read_bytes()
    pointers = np.frombuffer(index, "<i8", 3 * count, 34 + 4 * 3 * count)
    assert np.array_equal(pointers, np.arange(3 * count, dtype=np.int64) * 4 * sequence)
    out = np.zeros(6, dtype=np.int64)
    ends = [sequence * count * n - 2 for n in (1, 2, 3)]
    files.gather(np.array([(end, 2, 2 * place) for place, end in enumerate(ends)]), out)
    assert out.tolist() == [0, 7] * 3
    assert bin_path(folder / "all").stat().st_blocks * 512 < 64 << 20, "holes stay holes"
