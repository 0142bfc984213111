"""Shuffle, sample index and blend in C, held to NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.native import reference
from yue.errors import NativeError
from yue.native.gpt_arrays import RandomState, blend, sample_index

SIZES = st.lists(st.integers(0, 60), min_size=1, max_size=40)


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 1500), max_size=4),
    st.sampled_from([np.int32, np.uint32, np.int64, np.float64]),
)
@example(0, [0, 1, 2, 3], np.int32)
@example(2**32 - 1, [623, 624, 625], np.uint32)
def test_shuffles_are_those_of_numpy_one_after_another(
    seed: int, counts: list[int], dtype: Any
) -> None:
    ours, numpys = RandomState(seed), np.random.RandomState(seed)
    for count in counts:
        mine, theirs = np.arange(count, dtype=dtype), np.arange(count, dtype=dtype)
        ours.shuffle(mine)
        numpys.shuffle(theirs)
        assert mine.tolist() == theirs.tolist()


@pytest.mark.parametrize("count", [65_535, 65_536, 65_537, 300_000])
def test_long_shuffles_are_those_of_numpy(count: int) -> None:
    mine, theirs = np.arange(count, dtype=np.uint32), np.arange(count, dtype=np.uint32)
    RandomState(1234).shuffle(mine)
    np.random.RandomState(1234).shuffle(theirs)
    assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("items", [np.zeros((2, 2)), np.zeros(4)[::2], np.zeros(4, np.int16)])
def test_what_cannot_be_shuffled_is_refused(items: Any) -> None:
    with pytest.raises(NativeError):
        RandomState(0).shuffle(items)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_numpy_refuses_is_refused(seed: int) -> None:
    with pytest.raises(NativeError):
        RandomState(seed)


@settings(deadline=None, max_examples=200)
@given(SIZES, st.data(), st.sampled_from([1, 2, 7, 16, 20, 30, 60, 61, 97]), st.integers(1, 3))
def test_the_sample_index_is_its_twin(
    sizes: list[int], data: st.DataObject, step: int, repeats: int
) -> None:
    """In order and in any other, of documents shorter and longer than the step, and empty ones."""
    array = np.array(sizes, dtype=np.int32)
    dtype = data.draw(st.sampled_from([np.int32, np.int64]))
    order = data.draw(
        st.none() | st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=60).map(np.array)
    )
    stream = np.tile(array, repeats) if order is None else array[order]
    total = int(stream.sum())
    rows = (total - 1) // step + 1 if total else 0
    found = sample_index(array, step=step, rows=rows, order=order, repeats=repeats, dtype=dtype)
    assert found.dtype == dtype
    assert found.tolist() == reference.sample_index(stream, step=step, rows=rows).tolist()


@pytest.mark.parametrize("longest", [3, 500, 4096, 20_000, 70_000])
def test_long_sample_indices_are_their_twins(longest: int) -> None:
    rng = np.random.default_rng(longest)
    sizes = rng.integers(0, longest + 1, 5003, dtype=np.int32)
    order = rng.integers(0, len(sizes), 8000, dtype=np.int32)
    for step in (longest - 1, longest, longest + 1, 8192):
        for chosen, stream in ((None, np.tile(sizes, 2)), (order, sizes[order])):
            rows = (int(stream.sum(dtype=np.int64)) - 1) // step + 1
            found = sample_index(sizes, step=step, rows=rows, order=chosen, repeats=2)
            assert np.array_equal(found, reference.sample_index(stream, step=step, rows=rows))


def test_the_sample_index_passes_two_to_the_thirty_one() -> None:
    sizes = np.array([2**31 - 1, 5, 0, 2**31 - 1, 2**31 - 1], dtype=np.int32)
    for step in (1_000_003, 2**31 - 1):
        rows = (int(sizes.sum(dtype=np.int64)) * 3 - 1) // step + 1
        found = sample_index(sizes, step=step, rows=rows, repeats=3)
        expected = reference.sample_index(np.tile(sizes, 3), step=step, rows=rows)
        assert np.array_equal(found, expected)
        order = np.array([4, 0, 1, 3, 2, 0], dtype=np.int32)
        rows = (int(sizes[order].sum(dtype=np.int64)) - 1) // step + 1
        found = sample_index(sizes, step=step, rows=rows, order=order)
        assert np.array_equal(found, reference.sample_index(sizes[order], step=step, rows=rows))


def test_what_makes_no_sample_index_is_refused() -> None:
    with pytest.raises(NativeError, match="at 1"):
        sample_index(np.array([3, -1], np.int32), step=2, rows=1)
    for wrong in (-1, 2):
        order = np.array([0, 0, wrong], np.int32)
        with pytest.raises(NativeError, match="at 2"):
            sample_index(np.array([3, 4], np.int32), step=2, rows=1, order=order)
    with pytest.raises(NativeError):
        sample_index(np.array([3], np.int32), step=0, rows=1)


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=12).filter(any), st.integers(0, 300))
@example([1, 2, 3, 4], 300)
def test_the_blend_is_its_twin(parts: list[int], size: int) -> None:
    """Whole numbers as weights make ties, which break to the first."""
    weights = np.array(parts) / sum(parts)
    sets, samples = blend(weights, size)
    expected_sets, expected_samples = reference.blend(weights, size)
    assert sets.tolist() == expected_sets.tolist()
    assert samples.tolist() == expected_samples.tolist()


def test_the_blend_is_not_that_of_fused_arithmetic() -> None:
    """A fused multiply-add gives sample 10 of these weights to another data set."""
    sets, _ = blend(np.array([1, 2, 3, 4]) / 10, 14)
    assert sets.tolist() == [3, 2, 1, 0, 3, 2, 3, 1, 2, 3, 0, 3, 2, 1]


@pytest.mark.parametrize("weights", [[], [1.5], [-0.1, 1], [float("nan")], [float("inf")]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(NativeError):
        blend(np.array(weights), 3)
