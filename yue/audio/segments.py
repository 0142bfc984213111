"""Trimming and cutting a song: one answer for all its tracks.

Where a song begins and ends: one answer for all its tracks.

Cutting a song into pieces: the same cuts for all its tracks.
"""

from __future__ import annotations

import numpy as np

from yue.audio.decoders import Samples
from yue.audio.loudness import frame_samples

_THRESHOLD = 1e-3  # of the mix's peak: -60 dB
_MARGIN = 5  # frames kept on either side, so that no attack or tail is cut


def sounding_frames(mix_peaks: Samples) -> tuple[int, int]:
    """The range of frames from the first to the last that sounds, with a margin of 50 ms.

    Args:
        mix_peaks: The largest absolute sample of the mix, for every frame.

    Returns:
        First frame, and one past the last; the whole range if nothing sounds.
    """
    sounding = np.flatnonzero(mix_peaks > _THRESHOLD * mix_peaks.max(initial=0))
    if not len(sounding):
        return 0, len(mix_peaks)
    return max(0, int(sounding[0]) - _MARGIN), min(len(mix_peaks), int(sounding[-1]) + 1 + _MARGIN)


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
