"""Reading a song's tracks as a codec takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from yue.audio.arrays import read_samples
from yue.codecs.base import Audio, Codec, check_audio
from yue.codecs.sources import SongFiles
from yue.errors import CodecError
from yue.files import map_array


def read_song(song: SongFiles, codec: Codec) -> list[Audio]:
    """A song's tracks, ready to be encoded.

    Raises:
        CodecError: One cannot be read, is at another rate, or is nothing that a codec can encode.
    """
    if song.sample_rate not in (None, codec.sample_rate):
        raise CodecError(
            f"its audio is at {song.sample_rate} Hz, {codec.name} takes {codec.sample_rate}",
            fix=f"convert at that rate: set convert.sample_rate (--sr) to {codec.sample_rate}",
        )
    tracks = [read_array(track.path, song.samples) for track in song.tracks]
    for track in tracks:
        check_audio(track)
    return tracks


def track_seconds(song: SongFiles, sample_rate: int) -> float:
    """Seconds of all its tracks together; 0 if they cannot be read."""
    if song.samples is not None:
        return len(song.tracks) * song.samples / sample_rate
    try:
        lengths = [map_array(track.path).shape[-1] for track in song.tracks]
        return float(sum(lengths) / sample_rate)
    except (OSError, ValueError, IndexError):
        return 0.0


def read_array(path: Path, samples: int | None) -> Audio:
    """A float32 .npy as mono, cut or filled with silence to ``samples``.

    Raises:
        CodecError: It is missing, damaged or no audio.
    """
    try:
        audio = read_samples(path)
    except (OSError, ValueError) as error:
        raise CodecError(
            f"{path}: cannot be read ({error})",
            why="a track is float32 or int16, (samples,) or (channels, samples)",
            fix="make it with `yue convert`",
        ) from error
    channels, length = (1, *audio.shape)[-2:] if audio.ndim in (1, 2) else (0, 0)
    if not 1 <= channels <= max(1, length):
        raise CodecError(
            f"{path}: shape {audio.shape}",
            why="a track is (samples,) or (channels, samples)",
            fix="transpose it, or make it with `yue convert`",
        )
    mono = np.asarray(audio if audio.ndim == 1 else audio.mean(axis=0, dtype=np.float64))
    length = len(mono) if samples is None else samples
    return np.pad(mono[:length], (0, max(0, length - len(mono)))).astype(np.float32)
