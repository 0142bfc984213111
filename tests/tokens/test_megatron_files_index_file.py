"""Counting by the index, which is checked whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yue.errors import TokenFileError
from yue.tokens.megatron_files import Counts, Header, count


def put(folder: Path, lengths: list[int], marks: list[int], *, code: int = 4) -> Path:
    """A pair of files of int32 (4) or uint16 (8) tokens, its index as given."""
    header = Header(code, len(lengths), len(marks))
    pointers = np.cumsum([0, *lengths], dtype="<i8")[:-1] * header.item_size
    arrays = [np.array(lengths, "<i4"), pointers, np.array(marks, "<i8")]
    index = header.pack() + b"".join(array.tobytes() for array in arrays)
    (folder / "a.idx").write_bytes(index)
    (folder / "a.bin").write_bytes(bytes(max(0, sum(lengths)) * header.item_size))
    return folder / "a"


@pytest.mark.parametrize("code", [4, 8])
def test_what_is_there_is_counted(tmp_path: Path, code: int) -> None:
    prefix = put(tmp_path, [3, 0, 2], [0, 1, 3], code=code)
    assert count(prefix) == Counts(documents=2, sequences=3, tokens=5)
    assert count(put(tmp_path, [], [0], code=code)) == Counts(0, 0, 0)


@pytest.mark.parametrize(
    ("lengths", "marks", "byte"),
    [
        ([3, -1, 3], [0, 3], 34 + 4),  # of which the sum is right
        ([3, 2], [0, 2, 1, 2], 34 + 24 + 16),
        ([3, 2], [0, 1], 34 + 24 + 8),
    ],
)
def test_an_index_that_lies_is_damaged(
    tmp_path: Path, lengths: list[int], marks: list[int], byte: int
) -> None:
    with pytest.raises(TokenFileError, match=rf"a\.idx: damaged at byte {byte}"):
        count(put(tmp_path, lengths, marks))


def test_missing_files_and_another_bin_are_named(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match=r"a\.idx: cannot be read"):
        count(tmp_path / "a")
    prefix = put(tmp_path, [3], [0, 1])
    (tmp_path / "a.bin").write_bytes(b"123")
    with pytest.raises(TokenFileError, match=r"a\.bin: 3 bytes, but the index names 12"):
        count(prefix)
    (tmp_path / "a.bin").unlink()
    with pytest.raises(TokenFileError, match=r"a\.bin: cannot be read"):
        count(prefix)
