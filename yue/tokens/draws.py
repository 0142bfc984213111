"""Random numbers that belong to a song: the same for any number of workers, and on any machine."""

from __future__ import annotations

from random import Random

from yue.files import bytes_digest


class Draws:
    """A stream of random numbers that depends on a seed and names alone.

    It is Python's ``random()`` of an integer seed, a sequence that Python promises to keep.

    Args:
        seed: The recipe's.
        names: What is drawn, and for which song.
    """

    def __init__(self, seed: int, *names: str) -> None:
        self._random = Random(int(bytes_digest(str(seed), *names), 16))

    def share(self) -> float:
        """A number from 0 to below 1."""
        return self._random.random()

    def below(self, count: int) -> int:
        """A whole number from 0 to below ``count``."""
        return int(self._random.random() * count)
