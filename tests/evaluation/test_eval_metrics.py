"""Intervals over songs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.evaluation.eval_metrics import interval


def ends(sums: np.ndarray, tokens: np.ndarray) -> tuple[float, float]:
    found = interval(sums, tokens)
    assert found is not None
    return found


def test_one_song_has_no_interval() -> None:
    assert interval(np.array([2.0]), np.array([1.0])) is None


def test_many_equal_songs_give_the_interval_of_the_normal_distribution() -> None:
    generator = np.random.default_rng(3)
    tokens = np.full(400, 100.0)
    means = generator.normal(2.0, 0.5, 400)
    low, high = ends(means * tokens, tokens)
    error = means.std() / np.sqrt(400)
    assert low == pytest.approx(means.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(means.mean() + 1.96 * error, abs=0.15 * error)


def test_songs_are_drawn_and_not_tokens() -> None:
    """Ten times the tokens of the same songs tell no more."""
    tokens = np.array([100.0, 50.0, 80.0, 120.0])
    sums = np.array([-20.0, -30.0, 4.0, -60.0])
    assert ends(10 * sums, 10 * tokens) == pytest.approx(ends(sums, tokens))


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 1000)), min_size=2, max_size=6))
def test_the_interval_lies_between_the_extreme_songs_and_is_the_same_every_time(
    songs: list[tuple[float, int]],
) -> None:
    means, tokens = (np.array(column, dtype=np.float64) for column in zip(*songs, strict=True))
    low, high = ends(means * tokens, tokens)
    assert means.min() - 1e-9 <= low <= high <= means.max() + 1e-9
    assert (low, high) == interval(means * tokens, tokens)
