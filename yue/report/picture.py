"""Pictures of sound: a mel spectrum over time as PNG, and the waveform as an SVG path."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from yue.codecs.mel import magnitudes, mel_bank

BANDS = 72
_WINDOW = 1024
_COLUMNS = 480
_FLOOR_DB = -75.0
_PEAKS = 240
# Dark blue over violet and orange to a pale yellow: brightness rises with level, so that it also
# reads in grey (control points of a perceptually ordered map).
_COLOURS = np.array(
    [(8, 6, 30), (60, 20, 100), (140, 40, 110), (220, 80, 70), (250, 160, 60), (252, 250, 190)],
    dtype=np.float64,
)


def mel_levels(audio: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Level over time and pitch, shape (bands, columns), lowest band first.

    0 is -75 dB of a full-scale sine or less, 1 is full scale; bands are evenly spaced in mel.
    """
    hop = max(64, -(-len(audio) // _COLUMNS))
    padded = np.pad(audio, (0, -len(audio) % hop))
    bands = magnitudes(padded, max(_WINDOW, hop), hop) @ mel_bank(rate, max(_WINDOW, hop), BANDS)
    decibels = 20 * np.log10(np.maximum(bands.T, 1e-6))
    levels: NDArray[np.float64] = np.clip(decibels / -_FLOOR_DB + 1, 0.0, 1.0)
    return levels


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


def waveform(audio: NDArray[np.float32]) -> str:
    """The path of an SVG of 240 by 40: the highest and the lowest sample of each column."""
    starts = np.linspace(0, audio.size, _PEAKS, endpoint=False).astype(np.int64)
    if not audio.size:
        return "M0 20H240"
    high = np.maximum.reduceat(audio, starts).clip(0, 1)
    low = np.minimum.reduceat(audio, starts).clip(-1, 0)
    columns = np.arange(_PEAKS)
    there = zip(columns, 20 - 19 * high, strict=True)
    back = zip(columns[::-1], 20 - 19 * low[::-1], strict=True)
    return "M" + "L".join(f"{x} {y:.1f}" for x, y in (*there, *back)) + "Z"
