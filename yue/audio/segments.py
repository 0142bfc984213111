"""Cutting a song into pieces of one length: the same cuts for all its tracks."""

from __future__ import annotations


def cut(
    start: int, end: int, sample_rate: int, length: float | None, shortest: float
) -> tuple[tuple[int, int], ...]:
    """The pieces of a song, in samples.

    Args:
        start: First sample of the song.
        end: One past its last.
        sample_rate: Hertz.
        length: Seconds of a piece; None makes the song one piece.
        shortest: Seconds below which a song, or what is left at its end, gives no piece.
    """
    step = end - start if length is None else max(1, round(length * sample_rate))
    pieces = [(first, min(first + step, end)) for first in range(start, end, step)]
    return tuple(
        (first, last)
        for first, last in pieces
        if last - first >= shortest * sample_rate or (length is not None and last - first == step)
    )
