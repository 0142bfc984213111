"""Codes to audio, and audio to WAV files that never clip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yue.files import atomic_file

if TYPE_CHECKING:
    from yue.codecs.base import Codec

Audio = NDArray[np.float32]
Codes = NDArray[np.int16]

_FULL_SCALE = 32767


@dataclass(frozen=True)
class Tracks:
    """The three tracks of a sample, each (samples,) float32 in [-1, 1]."""

    vocal: Audio
    instrumental: Audio
    mix: Audio


def unclipped(audio: NDArray[np.float32]) -> Audio:
    """``audio`` as it is, or scaled down to a peak of 1 where it would clip."""
    peak = float(np.abs(audio).max(initial=0.0))
    return audio if peak <= 1.0 else (audio / np.float32(peak)).clip(-1.0, 1.0)


def mix_tracks(vocal: Audio, instrumental: Audio, mix: Audio | None = None) -> Tracks:
    """Join the tracks; the mix is their sum unless it is given. Lengths are cut to the shorter."""
    samples = min(vocal.size, instrumental.size)
    vocal, instrumental = vocal[:samples], instrumental[:samples]
    whole = vocal + instrumental if mix is None else mix[:samples]
    return Tracks(unclipped(vocal), unclipped(instrumental), unclipped(whole))


def decode_lanes(codec: Codec, vocal: Codes, instrumental: Codes) -> Tracks:
    """Decode codebook 0 of both lanes.

    Args:
        codec: The codec whose codes they are.
        vocal: (frames,) codes.
        instrumental: (frames,) codes.
    """
    return mix_tracks(codec.decode(vocal[np.newaxis]), codec.decode(instrumental[np.newaxis]))


def write_wav(path: Path, audio: Audio, sample_rate: int) -> None:
    """Write (samples,) as 16-bit PCM, mono; whole or not at all."""
    import soundfile

    pcm = np.rint(audio * np.float32(_FULL_SCALE)).astype(np.int16)
    with atomic_file(path) as stream:
        soundfile.write(stream, pcm, sample_rate, format="WAV", subtype="PCM_16")
