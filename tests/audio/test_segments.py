"""Where songs begin, end and are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.audio.segments import cut, sounding_frames

RATE = 100


@given(
    start=st.integers(0, 500),
    length=st.integers(1, 5000),
    piece=st.none() | st.floats(0.01, 20),
    shortest=st.floats(0, 5),
)
def test_pieces_follow_one_another_and_only_a_short_end_is_lost(
    start: int, length: int, piece: float | None, shortest: float
) -> None:
    end = start + length
    pieces = cut(start, end, RATE, piece, shortest)
    covered = start
    for first, last in pieces:
        assert first == covered
        covered = last
    full = length if piece is None else max(1, round(piece * RATE))
    assert all(last - first == full for first, last in pieces[:-1])
    lost = end - covered
    assert lost < full or piece is None
    assert lost < shortest * RATE or lost == 0


def test_a_song_without_a_piece_length_is_one_piece_or_none() -> None:
    assert cut(5, 105, RATE, None, 1.0) == ((5, 105),)
    assert cut(5, 104, RATE, None, 1.0) == ()


def test_the_end_is_kept_from_the_least_length_on() -> None:
    assert cut(0, 250, RATE, 1.0, 0.5) == ((0, 100), (100, 200), (200, 250))
    assert cut(0, 249, RATE, 1.0, 0.5) == ((0, 100), (100, 200))


@given(data=st.data(), piece=st.floats(0.1, 8), shortest=st.floats(0, 8))
def test_quiet_cuts_lose_no_more_than_fixed_ones(
    data: st.DataObject, piece: float, shortest: float
) -> None:
    shortest = min(shortest, piece)
    levels = np.array(data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=3000)), np.float32)
    start = data.draw(st.integers(0, len(levels) - 1))
    pieces = cut(start, len(levels), RATE, piece, shortest, levels)
    covered, full = start, round(piece * RATE)
    for first, last in pieces:
        assert first == covered
        assert shortest * RATE <= last - first <= full or last - first == full
        covered = last
    assert all(last - first >= 0.75 * full - 1 for first, last in pieces[:-1])
    assert len(levels) - covered < max(1, shortest * RATE)


def test_a_quiet_cut_is_made_in_the_quietest_moment_before_the_full_length() -> None:
    levels = np.ones(500, np.float32)
    levels[170:182] = 0.2  # quiet, but the next rest is quieter
    levels[184:196] = 0.1
    levels[300:312] = 0.1  # more than a quarter of the length before its end: too early
    rate = 100 * 10  # frames of ten samples
    pieces = cut(0, 5000, rate, 2.0, 0.5, levels)
    assert pieces[0][0] == 0
    assert 1890 <= pieces[0][1] <= 1910
    assert pieces[1][1] - pieces[1][0] == 2000  # no rest in reach: as fixed
    assert cut(0, 5000, rate, 2.0, 0.5)[0] == (0, 2000)


def test_trimming_keeps_a_margin_around_what_sounds() -> None:
    peaks = np.full(100, 1e-5, np.float32)
    peaks[[30, 70]] = 0.5
    assert sounding_frames(peaks) == (25, 76)
    peaks[[1, 99]] = 0.4
    assert sounding_frames(peaks) == (0, 100)


@pytest.mark.parametrize("peaks", [np.zeros(50, np.float32), np.zeros(0, np.float32)])
def test_silence_is_not_trimmed_to_nothing(peaks: np.ndarray) -> None:
    assert sounding_frames(peaks) == (0, len(peaks))
