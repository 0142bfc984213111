"""Copies of a recording are found by their codes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from yue.songs.duplicates import Duplicates, find_duplicates

Codes = npt.NDArray[np.int16]


def codes(seed: int, frames: int = 3000) -> Codes:
    return np.random.default_rng(seed).integers(0, 1024, frames).astype(np.int16)


def encoded_again(track: Codes, share: float, *, cut: int = 0, seed: int = 9) -> Codes:
    """The track with ``share`` of its codes changed and its first frames cut off."""
    rng = np.random.default_rng(seed)
    changed = rng.random(len(track)) < share
    other = rng.integers(0, 1024, len(track)).astype(np.int16)
    return np.where(changed, other, track)[cut:]


def test_equal_codes_are_exact_duplicates() -> None:
    tracks = {"a": [codes(1), codes(2)], "b": [codes(3), codes(4)], "c": [codes(1), codes(2)]}
    assert find_duplicates(tracks) == (Duplicates(("a", "c"), exact=True),)


def test_one_track_in_common_is_enough() -> None:
    tracks = {"song": [codes(1), codes(2)], "other words": [codes(3), codes(2)]}
    assert find_duplicates(tracks) == (Duplicates(("other words", "song"), exact=True),)


def test_audio_that_was_encoded_again_and_cut_elsewhere_is_a_duplicate() -> None:
    tracks = {
        "original": [codes(1)],
        "again": [encoded_again(codes(1), 0.3, cut=37)],
        "unlike": [codes(2)],
    }
    assert find_duplicates(tracks) == (Duplicates(("again", "original"), exact=False),)


def test_songs_of_their_own_are_no_duplicates() -> None:
    assert find_duplicates({str(n): [codes(2 * n), codes(2 * n + 1)] for n in range(60)}) == ()


def test_songs_that_share_a_short_sample_are_no_duplicates() -> None:
    tracks = {}
    for n in range(4):
        track = codes(n)
        track[500 * n : 500 * n + 150] = codes(99, 150)
        tracks[str(n)] = [track]
    assert find_duplicates(tracks) == ()


def test_silence_is_no_duplicate() -> None:
    silence = np.full(3000, 7, np.int16)
    hum = np.resize(np.array([7, 8, 7, 9], np.int16), 3000)
    assert find_duplicates({str(n): [silence, codes(n)] for n in range(5)}) == ()
    assert find_duplicates({str(n): [hum[: 2900 - n], codes(n)] for n in range(5)}) == ()


def test_silence_with_a_flicker_within_songs_of_their_own_is_no_duplicate() -> None:
    """Vocal tracks are silent half of the time, in codes that hover between a few values."""
    tracks = {}
    for n in range(6):
        rng = np.random.default_rng(100 + n)
        silence = rng.choice(np.arange(12, dtype=np.int16), 3000)
        sung = codes(n)
        tracks[str(n)] = [np.where(np.arange(3000) // 300 % 2 == 0, silence, sung)]
    assert find_duplicates(tracks) == ()


def test_very_short_tracks_and_none_are_no_trouble() -> None:
    assert find_duplicates({}) == ()
    assert find_duplicates({"a": [codes(1, 10)], "b": [codes(1, 12)], "c": []}) == ()
