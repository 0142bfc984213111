"""Numbers that show a collapsed sample."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.generation.sample_records import longest_run, silence_share, track_statistics


@given(st.lists(st.integers(0, 2), max_size=40))
def test_the_longest_run_is_that_of_equal_neighbours(codes: list[int]) -> None:
    expected = max((len(list(group)) for _, group in groupby(codes)), default=0)
    assert longest_run(np.array(codes, dtype=np.int16)) == expected


def test_silence_is_counted_in_windows() -> None:
    rate = 1000  # windows of 50 samples
    audio = np.zeros(200, dtype=np.float32)
    audio[60] = 0.5
    audio[150:] = 1e-4
    assert silence_share(audio, rate) == 0.75
    assert silence_share(audio[:0], rate) == 1


def test_a_track_is_measured() -> None:
    audio = np.full(2000, -0.5, dtype=np.float32)
    codes = np.array([1, 1, 1, 2, 1], dtype=np.int16)
    found = track_statistics(audio, 1000, codes, Fraction(50))
    assert (found.seconds, found.peak, found.silence_share) == (2.0, 0.5, 0.0)
    assert found.rms_db == pytest.approx(-6.021, abs=1e-3)
    assert (found.distinct_share, found.longest_run_seconds) == (0.4, 0.06)


def test_digital_silence_has_no_level_and_no_codes_no_runs() -> None:
    found = track_statistics(np.zeros(10, dtype=np.float32), 1000, None, Fraction(50))
    assert (found.rms_db, found.distinct_share, found.longest_run_seconds) == (None, None, None)
