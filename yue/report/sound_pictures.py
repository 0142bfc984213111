"""What a player plays and shows of a WAV file: MP3, mel spectrum as PNG, waveform as SVG path."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from yue.codecs.melrvq_mel import magnitudes, mel_bank
from yue.evaluation.sound_measures import read_track

BANDS = 72
_WINDOW = 1024
_COLUMNS = 480
_FLOOR_DB = -75.0
_PEAKS = 240
# Dark blue over violet and orange to a pale yellow: brightness rises with level, so that it also
# reads in grey (control points of a perceptually ordered map).
_COLOUR_MAP = np.array(
    [(8, 6, 30), (60, 20, 100), (140, 40, 110), (220, 80, 70), (250, 160, 60), (252, 250, 190)],
    dtype=np.float64,
)


def mel_levels(audio: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Measure levels over time and pitch, shape (bands, columns), lowest band first.

    0 is -75 dB of a full-scale sine or less, 1 is full scale; bands are evenly spaced in mel.
    """
    hop = max(64, -(-len(audio) // _COLUMNS))
    padded = np.pad(audio, (0, -len(audio) % hop))
    bands = magnitudes(padded, max(_WINDOW, hop), hop) @ mel_bank(rate, max(_WINDOW, hop), BANDS)
    decibels = 20 * np.log10(np.maximum(bands.T, 1e-6))
    levels: NDArray[np.float64] = np.clip(decibels / -_FLOOR_DB + 1, 0.0, 1.0)
    return levels


def colours(level: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colour levels in [0, 1], lowest band first: RGB (rows, columns, 3), highest on top."""
    scale = np.linspace(0.0, 1.0, len(_COLOUR_MAP))
    channels = [np.interp(level[::-1], scale, _COLOUR_MAP[:, c]) for c in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def png(picture: NDArray[np.uint8]) -> bytes:
    """Encode (rows, columns, 3) uint8 as PNG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", compress_level=9)
    return stream.getvalue()


def waveform(audio: NDArray[np.float32]) -> str:
    """Draw the path of an SVG of 240 by 40: the highest and lowest sample of each column."""
    starts = np.linspace(0, audio.size, _PEAKS, endpoint=False).astype(np.int64)
    if not audio.size:
        return "M0 20H240"
    high = np.maximum.reduceat(audio, starts).clip(0, 1)
    low = np.minimum.reduceat(audio, starts).clip(-1, 0)
    columns = np.arange(_PEAKS)
    there = zip(columns, 20 - 19 * high, strict=True)
    back = zip(columns[::-1], 20 - 19 * low[::-1], strict=True)
    return "M" + "L".join(f"{x} {y:.1f}" for x, y in (*there, *back)) + "Z"


@dataclass(frozen=True)
class Sound:
    """What a player plays and shows.

    Attributes:
        audio: Data URI of the audio.
        picture: Data URI of a PNG: time to the right, pitch upwards, level as brightness.
        wave: Path of the waveform in an SVG of 240 by 40.
        seconds: Duration.
    """

    audio: str
    picture: str
    wave: str
    seconds: float


def load_sound(path: Path) -> Sound:
    """Read a WAV file and prepare its player.

    Raises:
        YueError: The file is missing or is not audio.
    """
    import soundfile

    track = read_track(path)
    mono, rate = track.audio, track.rate
    stream = io.BytesIO()
    soundfile.write(stream, mono, rate, format="MP3")
    return Sound(
        audio=_data_uri("audio/mpeg", stream.getvalue()),
        picture=_data_uri("image/png", png(colours(mel_levels(mono, rate)))),
        wave=waveform(mono),
        seconds=len(mono) / rate,
    )


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
