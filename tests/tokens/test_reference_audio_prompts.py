"""Reference audio: lengths, places, and that both belong to the song."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.tokens.layouts.blocks import Draws
from yue.tokens.reference_audio import Pool, draw_prompt, draw_seconds

LONG = Pool(0, 60 * 50, 50.0, ())


def draw(pool: Pool, number: int = 0, seconds: float | None = None) -> slice:
    return draw_prompt(pool, Draws(0, f"{number}"), seconds=seconds, is_dull=lambda frames: False)


def test_lengths_follow_yues_law() -> None:
    seconds = np.array([draw_seconds(Draws(0, f"{n}")) for n in range(4000)])
    # Upstream's table of a hundred points puts the mean at 29.9 s.
    assert seconds.mean() == pytest.approx(29.9, abs=0.1)
    assert seconds.std() == pytest.approx(1.73, abs=0.07)
    assert 20 <= seconds.min() < 25
    assert 35 < seconds.max() <= 40


@given(st.floats(0.02, 59.9), st.integers(0, 50))
def test_a_length_that_is_asked_for_is_the_length(seconds: float, number: int) -> None:
    frames = draw(LONG, number, seconds)
    assert frames.stop - frames.start == max(1, round(seconds * 50))
    assert 0 <= frames.start < frames.stop <= 3000


@pytest.mark.parametrize(("frames", "expected"), [(600, 300), (601, 300), (20, 10), (1, 1)])
def test_a_song_that_is_too_short_gives_half_of_itself(frames: int, expected: int) -> None:
    for seconds in (None, 12.0 * 50):
        found = draw(Pool(7, 7 + frames, 50.0, ()), seconds=seconds)
        assert found.stop - found.start == expected
        assert 7 <= found.start < found.stop <= 7 + frames


def test_a_prompt_comes_from_a_chorus_where_one_is_long_enough() -> None:
    choruses = ((10.0, 25.0), (30.0, 50.0))
    pool = Pool(500, 3000, 50.0, choruses)
    for number in range(200):
        frames = draw(pool, number, 8.0)
        inside = [a * 50 <= frames.start and frames.stop <= b * 50 for a, b in choruses]
        assert any(inside)
    starts = {draw(pool, number, 19.0).start for number in range(200)}
    assert min(starts) < 1000, "the first is too short for 19 s: from anywhere then"


def test_a_chorus_outside_the_pool_changes_nothing_but_the_draws() -> None:
    pool = Pool(1000, 2000, 50.0, ((0.0, 5.0), (100.0, 200.0)))
    for number in range(50):
        frames = draw(pool, number, 5.0)
        assert 1000 <= frames.start < frames.stop <= 2000


def test_dull_stretches_are_drawn_again_five_times_at_most() -> None:
    tried: list[slice] = []

    def is_dull(frames: slice) -> bool:
        tried.append(frames)
        return frames.start < 1500

    found = draw_prompt(LONG, Draws(3, "x"), seconds=10, is_dull=is_dull)
    assert found == tried[-1]
    tried.clear()
    draw_prompt(LONG, Draws(3, "x"), seconds=10, is_dull=lambda f: not tried.append(f))
    assert len(tried) == 5


@given(st.integers(0, 2**32 - 1), st.text(max_size=8), st.integers(10, 4000), st.integers(1, 9))
def test_a_prompt_is_a_function_of_seed_and_song(
    seed: int, song: str, frames: int, step: int
) -> None:
    pool = Pool(16, 16 + max(frames, step), 50.0, ((0.0, 60.0),), step)
    found = [
        draw_prompt(pool, Draws(seed, song), seconds=None, is_dull=lambda f: False)
        for _ in range(2)
    ]
    assert found[0] == found[1]
    assert (found[0].start - 16) % step == (found[0].stop - 16) % step == 0
    assert 16 <= found[0].start < found[0].stop <= pool.end


def test_songs_and_seeds_differ() -> None:
    assert len({draw(LONG, number).start for number in range(20)}) > 15
    assert Draws(0, "a", "b").share() != Draws(0, "ab").share()
    assert Draws(0, "a").share() != Draws(1, "a").share()


def test_draws_never_change_between_versions() -> None:
    """Documents are cached and shared: a song's prompt is part of the format."""
    draws = Draws(7, "prompt", "é")
    assert [draws.below(1000) for _ in range(4)] == [326, 428, 934, 78]
