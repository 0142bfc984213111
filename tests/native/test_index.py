"""The arrays of a .idx in C, held to the same in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.errors import NativeError
from yue.native import reference
from yue.native.index import check_index, index_pointers

LENGTHS = st.lists(st.integers(0, 2**31 - 1), max_size=50)


def packed(
    lengths: npt.NDArray[Any], pointers: npt.NDArray[Any], marks: npt.NDArray[Any], start: int
) -> memoryview:
    body = lengths.astype("<i4").tobytes() + pointers.astype("<i8").tobytes()
    return memoryview(b"\xaa" * start + body + marks.astype("<i8").tobytes())


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


def test_a_negative_length_is_named() -> None:
    with pytest.raises(NativeError, match="sequence 1 has the negative length -7"):
        index_pointers(np.array([3, -7], dtype=np.int32), item_size=4)


@given(st.data(), st.integers(0, 40))
def test_the_check_is_its_twin(data: st.DataObject, start: int) -> None:
    """Good arrays, and the same with one element changed, at any alignment."""
    lengths = np.array(data.draw(st.lists(st.integers(0, 1000), max_size=12)), dtype=np.int64)
    inner = st.lists(st.integers(0, len(lengths)), max_size=6)
    marks = np.array([0, *sorted(data.draw(inner)), len(lengths)], dtype=np.int64)
    pointers = reference.index_pointers(lengths.astype(np.int32), item_size=4)[0]
    arrays = {"lengths": lengths, "pointers": pointers, "documents": marks}
    name = data.draw(st.sampled_from([n for n, a in arrays.items() if a.size]))
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, arrays[name].size - 1))
        arrays[name][place] += data.draw(st.sampled_from([-(2**30), -1001, -1, 1, 5, 2**20]))
    expected = reference.index_fault(
        arrays["lengths"].astype(np.int32), arrays["pointers"], arrays["documents"], item_size=4
    )
    fault, end = check_index(
        packed(lengths, pointers, marks, start),
        start=start,
        sequences=len(lengths),
        marks=len(marks),
        item_size=4,
    )
    if expected is None:
        assert fault is None
        assert end == 4 * int(lengths.sum())
    else:
        # C walks lengths and pointers together, NumPy one array after the other.
        assert fault is not None
        assert fault.array == expected or {fault.array, expected} == {"lengths", "pointers"}


@pytest.mark.parametrize(
    ("start", "sequences", "marks"),
    [(0, 3, 2), (0, 2, 4), (0, -1, 2), (0, 2, 0), (-1, 2, 2), (1, 2, 2), (0, 2**40, 2)],
)
def test_arrays_outside_the_file_are_never_read(start: int, sequences: int, marks: int) -> None:
    data = memoryview(bytes(12 * 2 + 8 * 2))
    with pytest.raises(NativeError, match="in 40 bytes"):
        check_index(data, start=start, sequences=sequences, marks=marks, item_size=4)


@pytest.mark.parametrize("item_size", [0, -1, 9])
def test_an_impossible_item_size_is_refused(item_size: int) -> None:
    with pytest.raises(NativeError):
        index_pointers(np.zeros(1, np.int32), item_size=item_size)
    with pytest.raises(NativeError):
        check_index(memoryview(bytes(40)), start=0, sequences=2, marks=2, item_size=item_size)


def test_a_file_without_sequences_is_an_empty_one() -> None:
    marks = memoryview(bytes(8))
    assert check_index(marks, start=0, sequences=0, marks=1, item_size=4) == (None, 0)
