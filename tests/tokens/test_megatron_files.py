"""Headers of .idx files, and the names of token files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.errors import TokenFileError, UsageError
from yue.tokens.megatron_files import HEADER, Header, as_prefix, idx_path, parse_header

INDEX = Header(4, 2, 2).pack() + bytes(12 * 2 + 8 * 2)


def test_the_header_is_the_published_one() -> None:
    expected = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 4, 20, 5)
    assert Header(4, 20, 5).pack() == expected
    assert Header(4, 20, 5).file_size == 314, "the size of upstream's example"
    assert (Header(4, 1, 1).item_size, Header(8, 1, 1).item_size) == (4, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d[:20], "damaged at byte 20"),
        (lambda d: b"X" + d[1:], "damaged at byte 0"),
        (lambda d: d[:9] + b"\2" + d[10:], "damaged at byte 9"),
        (lambda d: d[:17] + b"\5" + d[18:], "damaged at byte 17"),
        (lambda d: d[:26] + bytes(8) + d[34:], "damaged at byte 26"),
        (lambda d: d[:-1], f"damaged at byte {34 + 24 + 16 - 1}"),
        (lambda d: d + b"\0", f"damaged at byte {34 + 24 + 16}"),
        (lambda d: d[:18] + b"\xff" * 8 + d[26:], "damaged at byte"),
    ],
)
def test_a_damaged_header_is_named_with_its_byte(
    change: Callable[[bytes], bytes], message: str
) -> None:
    data = change(INDEX)
    with pytest.raises(TokenFileError, match=rf"a\.idx: {message}"):
        parse_header(data[: HEADER.size], len(data), Path("a.idx"))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_header_or_an_error(data: bytes) -> None:
    for index in (data, INDEX[:17] + data):
        try:
            header = parse_header(index[: HEADER.size], len(index), Path("a.idx"))
        except TokenFileError:
            continue
        assert header.file_size <= len(index)


@pytest.mark.parametrize("prefix", [".", "/", ""])
def test_a_prefix_needs_a_name(prefix: str) -> None:
    with pytest.raises(UsageError, match="prefix"):
        idx_path(Path(prefix))


def test_a_prefix_is_known_by_any_of_its_files() -> None:
    for name in ("x/train", "x/train.bin", "x/train.idx", "x/train.json"):
        assert as_prefix(Path(name)) == Path("x/train")
    assert as_prefix(Path("x/train.v1")) == Path("x/train.v1")
