"""Songs that are the same recording, told by their codes.

Two songs are duplicates when a track of one is a track of the other: the same codes, or (the audio
encoded again, cut elsewhere) runs of equal codes at one offset. Tracks of silence do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yue.files import bytes_digest

Codes = npt.NDArray[np.integer]

_RUN = 3  # equal codes in a row that count as one match
_SAMPLED = 8  # one run in so many is looked at, chosen by its content, so the same in every song
_COMMON = 32  # a run that is found more often than this says nothing (silence, a held note)
_LEAST_MATCHES = 6
_LEAST_SHARE = 0.1  # of the runs looked at in the song with fewer, at one offset
_LEAST_DISTINCT = 8  # a track of fewer different codes is silence


@dataclass(frozen=True)
class Duplicates:
    """Songs that belong together.

    Attributes:
        songs: Their ids, sorted; two or more.
        exact: Whether every one has a track with the same codes as another's.
    """

    songs: tuple[str, ...]
    exact: bool


def find_duplicates(tracks: Mapping[str, Sequence[Codes]]) -> tuple[Duplicates, ...]:
    """Groups of songs that share a track.

    Args:
        tracks: Song id to its tracks' codes of codebook 0, each integers of shape (T,).
    """
    songs = sorted(tracks)
    known: dict[str, int] = {}
    exact, unlike = [], []  # pairs of song numbers; (song number, codes) of each different track
    for number, song in enumerate(songs):
        for codes in tracks[song]:
            if len(np.unique(codes)) < _LEAST_DISTINCT:
                continue
            digest = bytes_digest(np.ascontiguousarray(codes, dtype="<i4").tobytes())
            if digest not in known:
                known[digest] = number
                unlike.append((number, codes))
            elif known[digest] != number:
                exact.append((known[digest], number))
    near = _near_pairs(unlike)
    same = {song for group in _groups(exact) for song in group}
    return tuple(
        Duplicates(tuple(songs[number] for number in group), exact=set(group) <= same)
        for group in _groups([*exact, *near])
    )


def _near_pairs(tracks: Sequence[tuple[int, Codes]]) -> list[tuple[int, int]]:
    """Pairs of songs with a track in common at some offset."""
    if len(tracks) < 2:
        return []
    runs = [_runs(codes) for _, codes in tracks]
    words = np.concatenate([word for word, _ in runs])
    places = np.concatenate([place for _, place in runs])
    owners = np.repeat(np.arange(len(tracks)), [len(word) for word, _ in runs])
    total = np.bincount(owners, minlength=len(tracks))
    _, index, counts = np.unique(words, return_inverse=True, return_counts=True)
    telling = np.flatnonzero((counts[index] > 1) & (counts[index] <= _COMMON))
    order = telling[np.argsort(words[telling], kind="stable")]
    words, places, owners = words[order], places[order], owners[order]
    found = []
    for step in range(1, _COMMON):  # every two places of a run, ``step`` apart in this order
        same = words[step:] == words[: max(0, len(words) - step)]
        left, right = np.flatnonzero(same), np.flatnonzero(same) + step
        found.append(np.stack([owners[left], owners[right], places[right] - places[left]], axis=1))
    votes, number = np.unique(np.concatenate(found), axis=0, return_counts=True)
    least = np.minimum(total[votes[:, 0]], total[votes[:, 1]])
    enough = (number >= _LEAST_MATCHES) & (number >= _LEAST_SHARE * least)
    pairs = {(tracks[a][0], tracks[b][0]) for a, b, _ in votes[enough].tolist()}
    return sorted((a, b) for a, b in pairs if a != b)


def _runs(codes: Codes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Runs of codes as numbers, and their frames; a sample, without runs of one code."""
    values = codes.astype(np.int64)
    length = max(0, len(values) - _RUN + 1)
    words = np.zeros(length, np.int64)
    for step in range(_RUN):
        words = words << 16 | values[step : step + length]
    varied = np.zeros(length, bool)
    for step in range(1, _RUN):
        varied |= values[step : step + length] != values[:length]
    mixed = (words * 0x9E3779B97F4A7C1 & 0x7FFFFFFFFFFFFFFF) >> 40
    kept = np.flatnonzero(varied & (mixed % _SAMPLED == 0))
    return words[kept], kept


def _groups(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Numbers that are linked by pairs, directly or not; sorted."""
    group: dict[int, set[int]] = {}
    for a, b in pairs:
        joined = group.get(a, {a}) | group.get(b, {b})
        group.update(dict.fromkeys(joined, joined))
    return sorted({tuple(sorted(members)) for members in group.values()})
