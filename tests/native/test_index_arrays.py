"""The arrays of a .idx in C, held to the same in plain NumPy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native import reference
from yue.errors import NativeError
from yue.native.bin_writer import crc32c
from yue.native.index_arrays import IndexArrays, IndexFault, index_pointers, read_index

LENGTHS = st.lists(st.integers(0, 2**31 - 1), max_size=50)


def packed(
    lengths: npt.NDArray[Any], pointers: npt.NDArray[Any], marks: npt.NDArray[Any], start: int
) -> bytes:
    body = lengths.astype("<i4").tobytes() + pointers.astype("<i8").tobytes()
    return b"\xaa" * start + body + marks.astype("<i8").tobytes()


@pytest.fixture(scope="module")
def descriptor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    number = os.open(tmp_path_factory.mktemp("index") / "a.idx", os.O_RDWR | os.O_CREAT)
    yield number
    os.close(number)


def read(
    descriptor: int, data: bytes, start: int, sequences: int, marks: int, item_size: int = 4
) -> IndexArrays | IndexFault:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)
    return read_index(
        descriptor, start=start, sequences=sequences, marks=marks, item_size=item_size,
        crc=crc32c(data[:start]),
    )  # fmt: skip


@given(LENGTHS, st.sampled_from([1, 2, 4, 8]))
def test_pointers_are_the_running_sum(lengths: list[int], item_size: int) -> None:
    array = np.array(lengths, dtype=np.int32)
    found, end = index_pointers(array, item_size=item_size)
    expected, expected_end = reference.index_pointers(array, item_size=item_size)
    assert found.tolist() == expected.tolist()
    assert end == expected_end


def test_pointers_pass_two_to_the_thirty_one() -> None:
    lengths = np.full(5, 2**31 - 1, dtype=np.int32)
    found, end = index_pointers(lengths, item_size=4)
    assert found.tolist() == [i * 4 * (2**31 - 1) for i in range(5)]
    assert end == 5 * 4 * (2**31 - 1)


def test_pointers_go_on_from_a_start() -> None:
    found, end = index_pointers(np.array([3, 2], dtype=np.int32), item_size=2, start=10)
    assert (found.tolist(), end) == ([10, 16], 20)


def test_a_negative_length_is_named() -> None:
    with pytest.raises(NativeError, match="sequence 1 has the negative length -7"):
        index_pointers(np.array([3, -7], dtype=np.int32), item_size=4)


@settings(deadline=None)
@given(st.data(), st.integers(0, 40), st.sampled_from([1, 2, 4, 8]))
def test_the_check_is_its_twin(
    descriptor: int, data: st.DataObject, start: int, item_size: int
) -> None:
    """Good arrays, and the same with one element changed, at any alignment."""
    lengths = np.array(data.draw(st.lists(st.integers(0, 1000), max_size=12)), dtype=np.int64)
    inner = st.lists(st.integers(0, len(lengths)), max_size=6)
    marks = np.array([0, *sorted(data.draw(inner)), len(lengths)], dtype=np.int64)
    pointers = reference.index_pointers(lengths.astype(np.int32), item_size=item_size)[0]
    arrays = {"lengths": lengths, "pointers": pointers, "documents": marks}
    name = data.draw(st.sampled_from([n for n, a in arrays.items() if a.size]))
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, arrays[name].size - 1))
        arrays[name][place] += data.draw(st.sampled_from([-(2**30), -1001, -1, 1, 5, 2**20]))
    expected = reference.index_fault(
        arrays["lengths"].astype(np.int32), arrays["pointers"], marks, item_size=item_size
    )
    content = packed(lengths, pointers, marks, start)
    found = read(descriptor, content, start, len(lengths), len(marks), item_size)
    if expected is None:
        assert isinstance(found, IndexArrays)
        ends = np.concatenate([[0], np.cumsum(lengths)])
        assert found.lengths.tolist() == lengths.tolist()
        assert found.documents.tolist() == marks.tolist()
        assert found.starts.tolist() == ends[marks].tolist()
        assert (found.bin_size, found.crc) == (item_size * ends[-1], crc32c(content))
    else:
        assert isinstance(found, IndexFault)
        assert found.array == expected


def test_long_arrays_pass_the_block_whole(descriptor: int) -> None:
    lengths = np.random.default_rng(0).integers(0, 9, 20_000).astype(np.int32)
    pointers, size = index_pointers(lengths, item_size=4)
    marks = np.array([0, 8191, 8192, 8192, 8193, 20_000, 20_000])
    content = packed(lengths, pointers, marks, 34)
    found = read(descriptor, content, 34, len(lengths), len(marks))
    assert isinstance(found, IndexArrays)
    assert found.starts.tolist() == (np.append(pointers, size)[marks] // 4).tolist()
    assert found.crc == crc32c(content)
    for byte in (34 + 4 * 12_345 + 3, 34 + 80_000 + 8 * 12_345):
        changed = bytearray(content)
        changed[byte] ^= 0x80
        fault = read(descriptor, bytes(changed), 34, len(lengths), len(marks))
        assert fault == IndexFault("lengths" if byte < 80_000 else "pointers", 12_345)


@pytest.mark.parametrize("size", [0, 4, 23, 24, 39])
def test_a_file_that_ends_within_its_arrays_is_named(descriptor: int, size: int) -> None:
    content = packed(np.array([1, 2]), np.array([0, 4]), np.array([0, 2]), 0)  # marks come first
    with pytest.raises(NativeError, match=f"at byte {max(size, 24)} at the latest"):
        read(descriptor, content[:size], 0, 2, 2)


@pytest.mark.parametrize(("sequences", "marks"), [(-1, 2), (2, 0), (2**60, 2)])
def test_impossible_counts_are_refused(descriptor: int, sequences: int, marks: int) -> None:
    with pytest.raises((NativeError, MemoryError, ValueError)):
        read(descriptor, bytes(40), 0, sequences, marks)


@pytest.mark.parametrize("item_size", [0, -1, 9])
def test_an_impossible_item_size_is_refused(descriptor: int, item_size: int) -> None:
    with pytest.raises(NativeError):
        index_pointers(np.zeros(1, np.int32), item_size=item_size)
    with pytest.raises(NativeError):
        read(descriptor, bytes(40), 0, 2, 2, item_size)


def test_a_file_without_sequences_is_an_empty_one(descriptor: int) -> None:
    found = read(descriptor, bytes(8), 0, 0, 1)
    assert isinstance(found, IndexArrays)
    assert (found.bin_size, found.starts.tolist(), len(found.lengths)) == (0, [0], 0)


def test_a_closed_file_is_an_error() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        read_index(9999, start=0, sequences=0, marks=1, item_size=4)
