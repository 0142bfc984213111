"""Codes to ids in C, held to the same in plain NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.native import reference
from yue.errors import NativeError
from yue.native import code_ids

SIZE = 1024
Array = npt.NDArray[np.int16]
DTYPES = st.sampled_from([np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, np.int64])


def code_arrays(shape: st.SearchStrategy[tuple[int, ...]]) -> st.SearchStrategy[Array]:
    """Mostly codes, now and then something outside 0..SIZE-1."""
    good = st.integers(0, SIZE - 1)
    odd = st.sampled_from([-1, -32768, SIZE, SIZE + 1, 32767])
    elements = st.one_of(good, good, good, good, good, good, good, odd)
    return hnp.arrays(np.int16, shape, elements=elements)


def outcome(function: object, *args: object, **kwargs: object) -> object:
    """The result as a list, or that it was refused."""
    try:
        return function(*args, **kwargs).tolist()  # type: ignore[operator]
    except NativeError:
        return "refused"


@given(st.data(), st.integers(0, 300), st.integers(0, 90_000))
def test_interleave_is_its_numpy_twin(data: st.DataObject, frames: int, offset: int) -> None:
    first, second = (data.draw(code_arrays(st.just((frames,)))) for _ in range(2))
    given_ = {"offset": offset, "size": SIZE}
    expected = outcome(reference.interleave, first, second, **given_)
    assert outcome(code_ids.interleave, first, second, **given_) == expected


@given(st.data(), hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=40))
def test_flatten_is_its_numpy_twin(data: st.DataObject, shape: tuple[int, int]) -> None:
    array = data.draw(code_arrays(st.just(shape)))
    books = shape[0]
    sizes = tuple(data.draw(st.lists(st.integers(1, SIZE), min_size=books, max_size=books)))
    offsets = tuple(data.draw(st.lists(st.integers(0, 90_000), min_size=books, max_size=books)))
    given_ = {"offsets": offsets, "sizes": sizes}
    expected = outcome(reference.flatten, array, **given_)
    assert outcome(code_ids.flatten, array, **given_) == expected


@given(hnp.arrays(DTYPES, 9, elements=st.integers(0, 127)), st.sampled_from([1, 2, 3, -1]))
def test_any_integer_type_and_stride_gives_the_same_ids(
    lane: npt.NDArray[np.integer], step: int
) -> None:
    strided = lane[::step]
    plain = np.array(strided.tolist(), dtype=np.int16)
    expected = reference.interleave(plain, plain, offset=45334, size=SIZE).tolist()
    assert code_ids.interleave(strided, strided, offset=45334, size=SIZE).tolist() == expected


@pytest.mark.parametrize("frames", [0, 1, 4095, 4096, 4097, 30_000])
def test_blocks_meet_without_a_seam(frames: int) -> None:
    rng = np.random.default_rng(frames)
    first, second = rng.integers(0, SIZE, (2, frames), dtype=np.int16)
    found = code_ids.interleave(first, second, offset=7, size=SIZE)
    assert np.array_equal(found, reference.interleave(first, second, offset=7, size=SIZE))


@pytest.mark.parametrize("lane", [0, 1])
@pytest.mark.parametrize("frame", [0, 4095, 4096, 9999])
@pytest.mark.parametrize("code", [-1, SIZE])
def test_a_bad_code_is_named_with_its_place(lane: int, frame: int, code: int) -> None:
    lanes = np.zeros((2, 10_000), dtype=np.int16)
    lanes[lane, frame] = code
    place = rf"code {code} at frame {frame} of lane {lane} is outside 0\.\.1023"
    with pytest.raises(NativeError, match=place):
        code_ids.interleave(lanes[0], lanes[1], offset=0, size=SIZE)


def test_a_bad_code_of_many_codebooks_is_named_with_its_place() -> None:
    array = np.zeros((3, 50), dtype=np.int16)
    array[2, 7] = 512
    with pytest.raises(NativeError, match=r"code 512 at frame 7, codebook 2 is outside 0\.\.511"):
        code_ids.flatten(array, offsets=(0, 1024, 2048), sizes=(1024, 1024, 512))


@pytest.mark.parametrize("code", [65536, 2**31, -(2**40), 2**15 + 5])
def test_a_wide_code_never_wraps_into_the_range(code: int) -> None:
    lane = np.array([0, code], dtype=np.int64)
    with pytest.raises(NativeError, match=str(code)):
        code_ids.interleave(lane, lane, offset=0, size=SIZE)
    with pytest.raises(NativeError, match=str(code)):
        code_ids.flatten(lane[None], offsets=(0,), sizes=(SIZE,))


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.zeros(3, np.int16), np.zeros(4, np.int16), "different length: 3 and 4"),
        (np.zeros(3), np.zeros(3), "codes must be integers"),
        (np.array([np.nan]), np.array([0.0]), "codes must be integers"),
        (np.zeros((1, 3), np.int16), np.zeros(3, np.int16), "1 dimension"),
        (np.zeros(3, bool), np.zeros(3, bool), "codes must be integers"),
        (np.array(["1"]), np.array(["1"]), "codes must be integers"),
    ],
)
def test_what_is_no_codes_is_refused(first: Array, second: Array, message: str) -> None:
    with pytest.raises(NativeError, match=message):
        code_ids.interleave(first, second, offset=0, size=SIZE)


@pytest.mark.parametrize(("offset", "size"), [(-1, SIZE), (2**31 - 1, SIZE), (0, -1), (0, 65536)])
def test_ids_that_would_leave_int32_are_refused(offset: int, size: int) -> None:
    lane = np.zeros(3, np.int16)
    with pytest.raises(NativeError):
        code_ids.interleave(lane, lane, offset=offset, size=size)


@pytest.mark.parametrize("offsets", [(), (0,), (0, 0, 0)])
def test_codebooks_without_an_offset_are_refused(offsets: tuple[int, ...]) -> None:
    with pytest.raises(NativeError, match="2 codebooks"):
        code_ids.flatten(np.zeros((2, 3), np.int16), offsets=offsets, sizes=(SIZE, SIZE))
