"""Where a song begins and ends: one answer for all its tracks."""

from __future__ import annotations

import numpy as np

from yue.audio.decode import Samples

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
