"""Passages of samples that are in training songs too, to the code: what was learned by heart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from yue.evaluation.code_statistics import Codes

Hashes = npt.NDArray[np.uint64]

# Odd, so that its powers never vanish modulo 2**64; the golden ratio mixes the bits well.
_BASE = 0x9E3779B97F4A7C15
_WORD = 1 << 64


def longest_match(samples: Sequence[Codes], training: Iterable[Codes]) -> int:
    """Length in codes of the longest passage of any sample that is in any training song.

    Training songs stream by, each read once: a polynomial rolling hash modulo 2**64 (Karp and
    Rabin, 1987) tells whether a song has a longer match than any before it, and only then is the
    length sought. Every match is compared code by code, so no collision counts.

    Args:
        samples: Codes, each shape (frames,).
        training: The same of the training songs.
    """
    queries = _Queries([codes for codes in samples if codes.size])
    best = 0
    for song in training:
        best = queries.longest(song, best)
    return best


class _Queries:
    """The samples, hashed for look-ups by length."""

    def __init__(self, samples: list[Codes]) -> None:
        self._samples = samples
        self._prefixes = [_prefix_hashes(codes) for codes in samples]
        self._sorted: dict[int, tuple[Hashes, npt.NDArray[np.int64]]] = {}

    def longest(self, song: Codes, best: int) -> int:
        """Return the longest match with a song if it is longer than ``best``, else ``best``."""
        prefix = _prefix_hashes(song)
        step = 1
        while self._has_match(song, prefix, best + step):
            best, step = best + step, 2 * step
        while step > 1:  # a match of best codes, none of best + step
            step //= 2
            if self._has_match(song, prefix, best + step):
                best += step
        return best

    def _has_match(self, song: Codes, prefix: Hashes, length: int) -> bool:
        hashes = _passage_hashes(prefix, length)
        keys, places = self._index(length)
        if not hashes.size or not keys.size:
            return False
        at = np.minimum(np.searchsorted(keys, hashes), len(keys) - 1)
        for start in np.flatnonzero(keys[at] == hashes):
            sample, first = places[at[start]]
            if np.array_equal(
                self._samples[sample][first : first + length], song[start : start + length]
            ):
                return True
        return False

    def _index(self, length: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
        """Return distinct hashes of passages, rising, and the (sample, first code) of each."""
        if length not in self._sorted:
            hashes = [_passage_hashes(prefix, length) for prefix in self._prefixes]
            places = [
                np.stack([np.full(len(found), number), np.arange(len(found))], axis=1)
                for number, found in enumerate(hashes)
            ]
            keys, first = np.unique(
                np.concatenate([np.zeros(0, np.uint64), *hashes]), return_index=True
            )
            joined = np.concatenate([np.zeros((0, 2), np.int64), *places])
            self._sorted[length] = keys, joined[first]
        return self._sorted[length]


def _prefix_hashes(codes: Codes) -> Hashes:
    """Hash all beginnings, shape (frames + 1,): the sum of code * BASE ** place."""
    terms = _scramble(codes) * _powers(len(codes))
    return np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])


def _passage_hashes(prefix: Hashes, length: int) -> Hashes:
    """Hash all passages of a length, wherever they stand, shape (frames - length + 1,).

    A passage's sum is divided by BASE ** its first place, by the inverse modulo 2**64.
    """
    count = len(prefix) - length
    if count < 1:
        return np.zeros(0, np.uint64)
    hashes: Hashes = (prefix[length:] - prefix[:count]) * _powers(count, pow(_BASE, -1, _WORD))
    return hashes


def _powers(count: int, base: int = _BASE) -> Hashes:
    powers = np.full(count, base, np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)


def _scramble(codes: Codes) -> Hashes:
    """Turn codes into numbers whose bits all matter (the finaliser of SplitMix64)."""
    mixed = codes.astype(np.uint64) + np.uint64(_BASE)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
