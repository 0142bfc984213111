"""Numbers that show a collapsed sample: silence, one code held, few codes used."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from yue.generation.records import TrackStatistics

_WINDOW_SECONDS = 0.05
_SILENCE_DB = -50.0


def longest_run(codes: NDArray[np.int16]) -> int:
    """Length of the longest stretch of equal neighbours in ``codes`` (frames,)."""
    if not codes.size:
        return 0
    borders = np.flatnonzero(np.diff(codes)) + 1
    return int(np.diff(np.concatenate([[0], borders, [codes.size]])).max())


def silence_share(audio: NDArray[np.float32], sample_rate: int) -> float:
    """Share of 50 ms windows whose level is below -50 dB of full scale; 1 for no audio."""
    window = max(1, round(_WINDOW_SECONDS * sample_rate))
    starts = np.arange(0, audio.size, window)
    if not starts.size:
        return 1.0
    energy = np.add.reduceat(np.square(audio, dtype=np.float64), starts)
    lengths = np.diff(np.append(starts, audio.size))
    return float(np.mean(energy / lengths < 10 ** (_SILENCE_DB / 10)))


def track_statistics(
    audio: NDArray[np.float32],
    sample_rate: int,
    codes: NDArray[np.int16] | None,
    frame_rate: Fraction,
) -> TrackStatistics:
    """Measure one track.

    Args:
        audio: (samples,) in [-1, 1].
        sample_rate: Of ``audio``.
        codes: (frames,) its codes of codebook 0, or None.
        frame_rate: Codec frames a second.
    """
    power = float(np.mean(np.square(audio, dtype=np.float64))) if audio.size else 0.0
    distinct = run = None
    if codes is not None and codes.size:
        distinct = round(np.unique(codes).size / codes.size, 6)
        run = round(float(longest_run(codes) / frame_rate), 6)
    return TrackStatistics(
        seconds=round(audio.size / sample_rate, 6),
        peak=round(float(np.abs(audio).max(initial=0.0)), 6),
        rms_db=round(10 * float(np.log10(power)), 3) if power > 0 else None,
        silence_share=round(silence_share(audio, sample_rate), 6),
        distinct_share=distinct,
        longest_run_seconds=run,
    )
