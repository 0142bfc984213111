"""Cutting a song into pieces: the same cuts for all its tracks."""

from __future__ import annotations

import numpy as np

from yue.audio.frames import frame_samples
from yue.audio.source import Samples

_EARLIEST = 0.75  # of the length of a piece, before which a quiet moment does not end it
_AROUND = 5  # frames: a moment is as loud as the 50 ms on either side


def cut(
    start: int,
    end: int,
    sample_rate: int,
    length: float | None,
    shortest: float,
    levels: Samples | None = None,
) -> tuple[tuple[int, int], ...]:
    """The pieces of a song, in samples.

    Args:
        start: First sample of the song.
        end: One past its last.
        sample_rate: Hertz.
        length: Seconds of a piece; None makes the song one piece.
        shortest: Seconds below which a song, or what is left at its end, gives no piece.
        levels: The peak of each 10 ms frame from sample 0 on. If given, a piece ends at the
            quietest moment in the last quarter of ``length``, else after exactly that.
    """
    step = end - start if length is None else max(1, round(length * sample_rate))
    pieces, first = [], start
    while first < end:
        last = first + step
        if levels is not None and last < end:
            earliest = first + round(max(_EARLIEST * step, min(shortest * sample_rate, step)))
            last = _quietest(levels, earliest, last, frame_samples(sample_rate))
        pieces.append((first, min(last, end)))
        first = last
    return tuple(
        (first, last)
        for first, last in pieces
        if last - first >= shortest * sample_rate or (length is not None and last - first == step)
    )


def _quietest(levels: Samples, first: int, last: int, frame: int) -> int:
    """The quietest border of two frames in a range of samples; of equal ones the last."""
    borders = np.arange(-(-first // frame), last // frame + 1)
    if not len(borders):
        return last
    padded = np.pad(levels, _AROUND)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND)[borders]
    loudness = around.max(axis=1)
    return int(borders[np.flatnonzero(loudness == loudness.min())[-1]]) * frame
