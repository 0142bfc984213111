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
    from yue.codecs.vocos import Upsampler

Audio = NDArray[np.float32]
Codes = NDArray[np.int16]

_FULL_SCALE = 32767
# Players that resample or compress add a little to a peak.
_CEILING = 0.98


@dataclass(frozen=True)
class Tracks:
    """The three tracks of a sample, each (samples,) float32 within [-1, 1]."""

    vocal: Audio
    instrumental: Audio
    mix: Audio


def mix_tracks(vocal: Audio, instrumental: Audio, mix: Audio | None = None) -> Tracks:
    """Join the tracks, cut to the shortest; the mix is their sum unless it is given.

    Where one of them would clip, one gain for all of them keeps their balance.
    """
    whole = [vocal, instrumental] if mix is None else [vocal, instrumental, mix]
    samples = min(track.size for track in whole)
    tracks = np.stack([track[:samples] for track in whole])
    if mix is None:
        tracks = np.concatenate([tracks, tracks.sum(0, keepdims=True)])
    peak = float(np.abs(tracks).max(initial=0.0))
    if peak > _CEILING:
        tracks *= np.float32(_CEILING / peak)
    return Tracks(*tracks)


def decode_lanes(
    codec: Codec, vocal: Codes, instrumental: Codes, upsampler: Upsampler | None = None
) -> Tracks:
    """Decode both tracks from their first K codebooks.

    Args:
        codec: The codec whose codes they are.
        upsampler: Decodes in its place, at its own rate.
        vocal: (K, frames) codes.
        instrumental: (K, frames) codes.
    """
    if upsampler is not None:
        tracks = upsampler.decode(vocal, instrumental)
        return mix_tracks(tracks.vocal, tracks.instrumental, tracks.mix)
    return mix_tracks(codec.decode(vocal), codec.decode(instrumental))


def write_wav(path: Path, audio: Audio, sample_rate: int) -> None:
    """Write (samples,) as 16-bit PCM, mono; whole or not at all."""
    import soundfile

    pcm = np.rint(audio * np.float32(_FULL_SCALE)).astype(np.int16)
    with atomic_file(path) as stream:
        soundfile.write(stream, pcm, sample_rate, format="WAV", subtype="PCM_16")
