"""CRC-32C: published values, the bit-by-bit twin, files in blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.native import reference
from yue.native.bin_writer import crc32c, file_checksums
from yue.native.library import library


@pytest.mark.parametrize(
    ("data", "crc"),
    [  # RFC 3720, appendix B.4
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"", 0),
    ],
)
def test_published_values(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc
    assert reference.crc32c(data) == crc


@given(st.binary(max_size=200), st.integers(0, 9), st.integers(0, 2**32 - 1))
def test_the_instruction_and_the_table_agree(data: bytes, start: int, crc: int) -> None:
    native, view = library(), memoryview(data)[start:]
    if view.nbytes:
        buffer = native.ffi.from_buffer(view)
        assert crc32c(view, crc) == native.lib.yue_crc32c_portable(crc, buffer, view.nbytes)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_it_is_its_twin_and_can_be_taken_in_pieces(data: bytes, cut: int) -> None:
    assert crc32c(data) == reference.crc32c(data)
    assert crc32c(data[cut:], crc32c(data[:cut])) == crc32c(data)


@given(st.binary(min_size=1, max_size=64), st.data())
def test_every_flipped_bit_shows(data: bytes, draw: st.DataObject) -> None:
    bit = draw.draw(st.integers(0, 8 * len(data) - 1))
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    assert crc32c(flipped) != crc32c(data)


def test_a_misaligned_view_has_the_same_checksum() -> None:
    data = bytes(range(256)) * 5
    for start in range(9):
        assert crc32c(memoryview(data)[start:]) == crc32c(data[start:])


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 20, 25])
def test_a_file_has_one_checksum_for_each_block(tmp_path: Path, size: int) -> None:
    data = bytes(range(size))
    (tmp_path / "f").write_bytes(data)
    blocks = [data[i : i + 10] for i in range(0, size, 10)]
    assert file_checksums(tmp_path / "f", 10) == [reference.crc32c(block) for block in blocks]
