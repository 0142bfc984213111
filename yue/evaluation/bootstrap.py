"""How sure a mean over songs is: the bootstrap, with songs as the units that are drawn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Interval = tuple[float, float]

_RESAMPLES = 2000
_SEED = 0
_BLOCK = 1_000_000  # songs


def interval(
    sums: npt.NDArray[np.float64], tokens: npt.NDArray[np.float64], *, level: float = 0.95
) -> Interval | None:
    """Percentile interval of the mean over tokens when other songs had been drawn.

    Tokens of one song are alike, so they are drawn together (Efron, 1979).

    Args:
        sums: Of each song, shape (songs,).
        tokens: Of each song, above 0, shape (songs,).
        level: Probability of the interval.

    Returns:
        Its ends, or None for less than two songs, which do not tell how songs differ.
    """
    if len(sums) < 2:
        return None
    generator = np.random.default_rng(_SEED)
    songs = len(sums)
    block = max(1, _BLOCK // songs)  # resamples drawn at once
    means = []
    for first in range(0, _RESAMPLES, block):
        drawn = generator.integers(0, songs, (min(block, _RESAMPLES - first), songs))
        means.append(sums[drawn].sum(1) / tokens[drawn].sum(1))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
