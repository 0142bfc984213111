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
    a, b = (codes(1), codes(2)), (codes(3), codes(4))
    tracks = {"a": a, "b": b, "c": a, "d": a}
    assert find_duplicates(tracks) == (Duplicates(("a", "c", "d"), exact=True),)


def test_audio_that_was_encoded_again_and_cut_elsewhere_is_a_duplicate() -> None:
    again = tuple(encoded_again(codes(n), 0.2, cut=37, seed=n + 50) for n in (1, 2))
    tracks = {"original": (codes(1), codes(2)), "again": again, "c": (codes(3), codes(4))}
    assert find_duplicates(tracks) == (Duplicates(("again", "original"), exact=False),)


def test_copies_of_copies_are_one_group() -> None:
    song = (codes(1), codes(2))
    again = tuple(encoded_again(codes(n), 0.2, seed=n + 50) for n in (1, 2))
    tracks = {"a": song, "b": song, "c": again}
    assert find_duplicates(tracks) == (Duplicates(("a", "b", "c"), exact=False),)


def test_instrumental_copies_are_found_by_their_one_track() -> None:
    silence = np.full(3000, 7, np.int16)
    tracks = {
        "a": (silence, codes(1)),
        "b": (silence[37:], encoded_again(codes(1), 0.3, cut=37)),
        "c": (silence, codes(2)),
    }
    assert find_duplicates(tracks) == (Duplicates(("a", "b"), exact=False),)


def test_tracks_of_unequal_length_are_compared_over_the_shorter() -> None:
    song = (codes(1), codes(2))
    tracks = {"a": (song[0], song[1][:-7]), "b": song, "c": (song[0][:-7], song[1])}
    found = (Duplicates(("a", "b", "c"), exact=False),)
    assert find_duplicates(tracks) == found
    assert find_duplicates({name: tracks[name] for name in "ac"}) == (
        Duplicates(("a", "c"), exact=True),
    )


def test_songs_of_their_own_are_no_duplicates() -> None:
    assert find_duplicates({str(n): (codes(2 * n), codes(2 * n + 1)) for n in range(60)}) == ()


def test_other_words_to_the_same_music_are_no_duplicates() -> None:
    assert find_duplicates({"a": (codes(1), codes(2)), "b": (codes(3), codes(2))}) == ()


def test_songs_of_the_same_loops_are_no_duplicates() -> None:
    """Instrumentals of one bar again and again, and silence between the words."""
    bar = codes(99, 80)
    tracks = {}
    for n in range(6):
        sung = np.arange(3000) // 150 % 4 != (n % 4)
        silence = np.random.default_rng(n).choice(np.arange(3, dtype=np.int16), 3000)
        tracks[str(n)] = (np.where(sung, codes(n), silence), np.resize(bar, 3000))
    assert find_duplicates(tracks) == ()


def test_songs_that_share_a_short_sample_are_no_duplicates() -> None:
    tracks = {}
    for n in range(4):
        pair = (codes(2 * n), codes(2 * n + 1))
        for track in pair:
            track[500 * n : 500 * n + 300] = codes(99, 300)
        tracks[str(n)] = pair
    assert find_duplicates(tracks) == ()


def test_silence_is_no_duplicate() -> None:
    silence = np.full(3000, 7, np.int16)
    assert find_duplicates({str(n): (silence, silence) for n in range(5)}) == ()


def test_very_short_tracks_and_none_are_no_trouble() -> None:
    assert find_duplicates({}) == ()
    assert (
        find_duplicates({"a": (codes(1, 10), codes(2, 10)), "b": (codes(1, 1), codes(2, 0))}) == ()
    )
