"""Codes of samples: which are used, and passages shared with training songs.

The code sequences that are compared: one for each song and track, codebook 0.

Which codes are used and how often: entropy, and divergence from other songs.

The longest passage that samples share with training songs, to the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yue.dataset.token_files import TokenFiles
from yue.errors import YueError
from yue.generation.sample_records import Sample
from yue.tokens.megatron_files import idx_path
from yue.tokens.roles import Role

Codes = npt.NDArray[np.int64]
CODED = {"vocal": Role.VOCAL, "instrumental": Role.INSTRUMENTAL}
"""The tracks that have codes, and their role in documents."""


@dataclass(frozen=True)
class Corpus:
    """The songs of some token files.

    Attributes:
        splits: Their prefixes.
    """

    splits: tuple[Path, ...]

    def songs(self, track: str) -> Iterator[Codes]:
        """Codes (frames,) of a track, song by song; songs without the track are left out."""
        for prefix in self.splits:
            files = TokenFiles.open(prefix)
            for document in range(files.documents):
                tokens = files.document(document)
                codes = tokens[files.roles(tokens) == CODED[track]].astype(np.int64)
                if codes.size:
                    yield codes - files.info.codec.ids.offset


def corpus(tokens: Path, splits: Sequence[str]) -> Corpus:
    """The token files of those splits that have songs."""
    return Corpus(tuple(tokens / split for split in splits if idx_path(tokens / split).is_file()))


def sample_codes(sample: Sample, folder: Path, track: str) -> Codes | None:
    """Codes (frames,) of a track of a sample; None where it was not made of codes.

    Raises:
        YueError: Its file is missing or damaged.
    """
    if sample.codes is None or track not in CODED:
        return None
    path = folder / sample.codes
    try:
        with np.load(path, allow_pickle=False) as arrays:
            codes = arrays[track]
    except (OSError, ValueError, KeyError) as error:
        raise YueError(
            f"{path}: cannot be read ({error})", fix="run `dvc repro generate`"
        ) from error
    return np.asarray(np.atleast_2d(codes)[0], dtype=np.int64)


Grams = npt.NDArray[np.int64]

_CODE_BITS = 16  # codes are int16 wherever they are stored


def grams(songs: Iterable[Codes], length: int) -> Grams:
    """Every run of ``length`` (up to 3) neighbouring codes of each song as one number."""
    found = [np.zeros(0, np.int64)]
    for codes in songs:
        runs = max(0, codes.size - length + 1)
        parts = [codes[n : n + runs] << (_CODE_BITS * n) for n in range(length)]
        found.append(np.sum(parts, axis=0, dtype=np.int64))
    return np.concatenate(found)


def entropy(found: Grams) -> float:
    """Shannon entropy in bits of the runs; 0 where there are none."""
    if not len(found):
        return 0.0
    counts = np.unique(found, return_counts=True)[1]
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0


def divergence(first: Grams, second: Grams) -> float | None:
    """Jensen-Shannon divergence in bits: 0 the same shares, 1 nothing in common."""
    if not len(first) or not len(second):
        return None
    _, index = np.unique(np.concatenate([first, second]), return_inverse=True)
    kinds = int(index.max()) + 1
    shares = [
        np.bincount(part, minlength=kinds) / len(part)
        for part in (index[: len(first)], index[len(first) :])
    ]
    middle = (shares[0] + shares[1]) / 2
    return float(np.clip(sum(_relative(share, middle) for share in shares) / 2, 0, 1))


def _relative(share: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Kullback-Leibler divergence in bits."""
    present = share > 0
    return float((share[present] * np.log2(share[present] / other[present])).sum())


def repeats(songs: Sequence[Codes], length: int) -> npt.NDArray[np.float64]:
    """How many runs of ``length`` codes each song has had before, and how many it has.

    Music repeats itself; a model that is stuck repeats itself more.

    Returns:
        (songs, 2); songs without a run are left out.
    """
    runs = [
        np.lib.stride_tricks.sliding_window_view(codes, length)
        for codes in songs
        if codes.size >= length
    ]
    counts = [(len(found) - len(np.unique(found, axis=0)), len(found)) for found in runs]
    return np.array(counts, dtype=np.float64).reshape(-1, 2)


Hashes = npt.NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15  # odd: powers of it never vanish modulo 2**64
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
    """The samples, ready to be looked for."""

    def __init__(self, samples: list[Codes]) -> None:
        self._samples = samples
        self._prefixes = [_prefix(codes) for codes in samples]
        self._sorted: dict[int, tuple[Hashes, npt.NDArray[np.int64]]] = {}

    def longest(self, song: Codes, best: int) -> int:
        """The longest match with a song if it is longer than ``best``, else ``best``."""
        prefix = _prefix(song)
        step = 1
        while self._found(song, prefix, best + step):
            best, step = best + step, 2 * step
        while step > 1:  # a match of best codes, none of best + step
            step //= 2
            if self._found(song, prefix, best + step):
                best += step
        return best

    def _found(self, song: Codes, prefix: Hashes, length: int) -> bool:
        hashes = _windows(prefix, length)
        keys, places = self._of(length)
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

    def _of(self, length: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
        """Distinct hashes of the samples' passages, rising, and (sample, first code) of each."""
        if length not in self._sorted:
            hashes = [_windows(prefix, length) for prefix in self._prefixes]
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


def _prefix(codes: Codes) -> Hashes:
    """Hashes of all beginnings, shape (frames + 1,): the sum of code * BASE ** place."""
    terms = _scrambled(codes) * _powers(len(codes))
    return np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])


def _windows(prefix: Hashes, length: int) -> Hashes:
    """Hashes of all passages of a length, wherever they stand, shape (frames - length + 1,).

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


def _scrambled(codes: Codes) -> Hashes:
    """Codes as numbers whose bits all matter (the finaliser of SplitMix64)."""
    mixed = codes.astype(np.uint64) + np.uint64(_BASE)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
