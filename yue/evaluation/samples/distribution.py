"""Which codes are used and how often: entropy, and divergence from other songs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from yue.evaluation.samples.lanes import Codes

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
