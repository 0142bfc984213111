"""Songs that are the same recording, recognised by their codes.

Two songs are duplicates when they have the same codes, or (the audio encoded again, or cut
elsewhere) many short runs of equal codes at one offset. A run is of both tracks at once: a common
beat under other words, or the loops of a style, make no duplicates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.files import bytes_digest

Codes = npt.NDArray[np.integer]
_Numbers = npt.NDArray[np.int64]

# One run in so many is looked at, chosen by its content, so the same in every song: at 50 frames a
# second still 1,100 of a song of three minutes.
_SAMPLED = 8
_COMMON = 32  # a run that is found more often than this says nothing (silence, a held note)
_LEAST_MATCHES = 6
# Of the runs looked at in the song with fewer, at one offset. A run is four codes (two frames of
# two tracks), so audio encoded again with a third of its codes changed keeps (2/3)^4 = 0.2 of them.
_LEAST_SHARE = 0.2
_LEAST_DISTINCT = 8  # a track of fewer different codes is silence


@dataclass(frozen=True)
class Duplicates:
    """Songs that belong together.

    Attributes:
        songs: Their ids, sorted; two or more.
        exact: Whether all have the same codes.
    """

    songs: tuple[str, ...]
    exact: bool


def find_duplicates(tracks: Mapping[str, tuple[Codes, Codes]]) -> tuple[Duplicates, ...]:
    """Group songs that are one recording.

    Args:
        tracks: Song id to its two tracks' codes of codebook 0, integers, each shape (T,).
    """
    songs = sorted(tracks)
    frames = [_pair_codes(*tracks[song]) for song in songs]
    same: dict[str, list[int]] = {}
    for number, values in enumerate(frames):
        if values.any():
            same.setdefault(bytes_digest(values.tobytes()), []).append(number)
    firsts = [numbers[0] for numbers in same.values()]
    near = [(firsts[a], firsts[b]) for a, b in _find_near_pairs([frames[n] for n in firsts])]
    exact = [(numbers[0], number) for numbers in same.values() for number in numbers[1:]]
    alike = {tuple(numbers) for numbers in same.values()}
    return tuple(
        Duplicates(tuple(songs[number] for number in group), exact=group in alike)
        for group in _join_pairs([*exact, *near])
    )


def _pair_codes(vocal: Codes, instrumental: Codes) -> _Numbers:
    """Return both codes of each frame as one number, shape (T,); a silent track counts as zeros."""
    length = min(len(vocal), len(instrumental))
    numbers = np.zeros(length, np.int64)
    for codes in (vocal, instrumental):
        values = codes.astype(np.int64) & 0x7FFF
        silent = np.count_nonzero(np.bincount(values)) < _LEAST_DISTINCT
        numbers = numbers << 15 | (0 if silent else values[:length])
    return numbers


def _find_near_pairs(songs: Sequence[_Numbers]) -> list[tuple[int, int]]:
    """Find pairs of songs with many runs in common at one offset."""
    runs = [_sample_runs(frames) for frames in songs]
    words = np.concatenate([np.zeros(0, np.int64), *(word for word, _ in runs)])
    places = np.concatenate([np.zeros(0, np.int64), *(place for _, place in runs)])
    owners = np.repeat(np.arange(len(songs)), [len(word) for word, _ in runs])
    total = np.bincount(owners, minlength=len(songs))
    _, index, counts = np.unique(words, return_inverse=True, return_counts=True)
    telling = np.flatnonzero((counts[index] > 1) & (counts[index] <= _COMMON))
    order = telling[np.argsort(words[telling], kind="stable")]
    words, places, owners = words[order], places[order], owners[order]
    found = []
    for step in range(1, _COMMON):  # every two places of a run, ``step`` apart in this order
        left = np.flatnonzero(words[step:] == words[: max(0, len(words) - step)])
        left = left[owners[left] != owners[left + step]]
        offset = places[left + step] - places[left]
        found.append(np.stack([owners[left], owners[left + step], offset], axis=1))
    votes, number = np.unique(np.concatenate(found), axis=0, return_counts=True)
    least = np.minimum(total[votes[:, 0]], total[votes[:, 1]])
    enough = (number >= _LEAST_MATCHES) & (number >= _LEAST_SHARE * least)
    return sorted({(a, b) for a, b, _ in votes[enough].tolist()})


def _sample_runs(frames: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Return a sample of two frames in a row as one number, none held, and where they are."""
    first, second = frames[:-1], frames[1:]
    words = first << 30 | second
    mixed = (words * 0x9E3779B97F4A7C1 & 0x7FFFFFFFFFFFFFFF) >> 40
    kept = np.flatnonzero((first != second) & (mixed % _SAMPLED == 0))
    return words[kept], kept


def _join_pairs(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Group numbers that are linked by pairs, directly or not; sorted."""
    group: dict[int, set[int]] = {}
    for a, b in pairs:
        joined = group.get(a, {a}) | group.get(b, {b})
        group.update(dict.fromkeys(joined, joined))
    return sorted({tuple(sorted(members)) for members in group.values()})
