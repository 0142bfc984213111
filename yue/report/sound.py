"""A WAV file as the page carries it: MP3 in a data URI, with a picture of its spectrum."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yue.errors import YueError

_WINDOW = 1024
_BANDS = 72
_COLUMNS = 480
_LOWEST_HZ = 60.0
_FLOOR_DB = -75.0
# Dark blue over violet and orange to a pale yellow: brightness rises with level, so that it also
# reads in grey (control points of a perceptually ordered map).
_COLOURS = np.array(
    [(8, 6, 30), (60, 20, 100), (140, 40, 110), (220, 80, 70), (250, 160, 60), (252, 250, 190)],
    dtype=np.float64,
)


@dataclass(frozen=True)
class Sound:
    """One player.

    Attributes:
        audio: Data URI of the audio.
        picture: Data URI of a PNG: time to the right, pitch upwards, level as brightness.
        seconds: Duration.
    """

    audio: str
    picture: str
    seconds: float


def load_sound(path: Path) -> Sound:
    """Read a WAV file and prepare its player.

    Raises:
        YueError: The file is missing or is not audio.
    """
    import soundfile

    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise YueError(
            f"{path}: cannot be read ({error})", fix="run `dvc repro generate`"
        ) from error
    mono = audio.mean(axis=1)
    stream = io.BytesIO()
    soundfile.write(stream, mono, rate, format="MP3")
    return Sound(
        audio=_data_uri("audio/mpeg", stream.getvalue()),
        picture=_data_uri("image/png", png(colours(spectrum(mono, rate)))),
        seconds=len(mono) / rate,
    )


def spectrum(audio: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Level over time and pitch, in [0, 1], shape (bands, columns), lowest band first.

    Bands are spaced evenly in log frequency from 60 Hz to half the sample rate.
    """
    hop = max(1, len(audio) // _COLUMNS)
    padded = np.pad(audio.astype(np.float64), (_WINDOW // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop][:_COLUMNS]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2
    edges = np.geomspace(_LOWEST_HZ, rate / 2, _BANDS + 1) * _WINDOW / rate
    first = np.minimum(edges[:-1].astype(int), power.shape[1] - 1)
    last = np.maximum(np.ceil(edges[1:]).astype(int), first + 1)
    sums = np.cumsum(np.pad(power, ((0, 0), (1, 0))), axis=1)
    last = np.minimum(last, power.shape[1])
    bands = (sums[:, last] - sums[:, first]) / (last - first)
    level = 10 * np.log10(np.maximum(bands.T, 1e-12))
    # Full scale of a sine through this window is the reference.
    level -= 20 * np.log10(_WINDOW / 4)
    shown: NDArray[np.float64] = np.clip(level / -_FLOOR_DB + 1, 0.0, 1.0)
    return shown


def colours(level: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Levels in [0, 1], lowest band first, as an RGB picture (rows, columns, 3), highest on top."""
    scale = np.linspace(0.0, 1.0, len(_COLOURS))
    channels = [np.interp(level[::-1], scale, _COLOURS[:, c]) for c in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def png(picture: NDArray[np.uint8]) -> bytes:
    """Encode (rows, columns, 3) uint8 as PNG (ISO/IEC 15948, truecolour, no filter)."""
    rows, columns, _ = picture.shape
    scanlines = np.zeros((rows, 1 + 3 * columns), dtype=np.uint8)  # each starts with filter type 0
    scanlines[:, 1:] = picture.reshape(rows, -1)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(scanlines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
