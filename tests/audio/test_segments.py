"""Where songs begin, end and are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.audio.segments import cut
from yue.audio.trim import sounding_frames

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


def test_trimming_keeps_a_margin_around_what_sounds() -> None:
    peaks = np.full(100, 1e-5, np.float32)
    peaks[[30, 70]] = 0.5
    assert sounding_frames(peaks) == (25, 76)
    peaks[[1, 99]] = 0.4
    assert sounding_frames(peaks) == (0, 100)


@pytest.mark.parametrize("peaks", [np.zeros(50, np.float32), np.zeros(0, np.float32)])
def test_silence_is_not_trimmed_to_nothing(peaks: np.ndarray) -> None:
    assert sounding_frames(peaks) == (0, len(peaks))
