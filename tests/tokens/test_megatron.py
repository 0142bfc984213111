"""Headers of .idx files, and counting without reading."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.errors import TokenFileError, UsageError
from yue.tokens.megatron import Header, as_prefix, count, read_header


def put(folder: Path, index: bytes, tokens: bytes = b"") -> Path:
    (folder / "a.idx").write_bytes(index)
    (folder / "a.bin").write_bytes(tokens)
    return folder / "a"


def empty_index(code: int = 4, sequences: int = 2, marks: int = 2) -> bytes:
    header = Header(code, sequences, marks)
    return header.pack() + bytes(12 * sequences + 8 * marks)


def test_the_header_is_the_published_one() -> None:
    expected = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 4, 20, 5)
    assert Header(4, 20, 5).pack() == expected
    assert Header(4, 20, 5).file_size == 314, "the size of upstream's example"
    assert (Header(4, 1, 1).item_size, Header(8, 1, 1).item_size) == (4, 2)


@pytest.mark.parametrize(("code", "tokens"), [(4, 3), (8, 6)])
def test_counting_needs_no_reading(tmp_path: Path, code: int, tokens: int) -> None:
    counts = count(put(tmp_path, empty_index(code, 5, 3), bytes(12)))
    assert (counts.documents, counts.sequences, counts.tokens) == (2, 5, tokens)


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
    tmp_path: Path, change: object, message: str
) -> None:
    prefix = put(tmp_path, change(empty_index()))  # type: ignore[operator]
    with pytest.raises(TokenFileError, match=rf"a\.idx: {message}"):
        count(prefix)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_header_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for index in (data, empty_index()[:17] + data):
        put(folder, index)
        try:
            header = read_header(folder / "a.idx")
        except TokenFileError:
            continue
        assert header.file_size <= len(index)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match=r"a\.idx: cannot be read"):
        count(tmp_path / "a")
    (tmp_path / "a.idx").write_bytes(empty_index())
    with pytest.raises(TokenFileError, match=r"a\.bin: cannot be read"):
        count(tmp_path / "a")
    (tmp_path / "a.bin").write_bytes(b"123")
    with pytest.raises(TokenFileError, match="ends within a token"):
        count(tmp_path / "a")


@pytest.mark.parametrize("prefix", [".", "/", ""])
def test_a_prefix_needs_a_name(prefix: str) -> None:
    with pytest.raises(UsageError, match="prefix"):
        count(Path(prefix))


def test_a_prefix_is_known_by_any_of_its_files() -> None:
    for name in ("x/train", "x/train.bin", "x/train.idx", "x/train.json"):
        assert as_prefix(Path(name)) == Path("x/train")
    assert as_prefix(Path("x/train.v1")) == Path("x/train.v1")
