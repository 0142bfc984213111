"""Converted tracks as .npy files: float32, or int16 of which 32768 is full scale."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from yue.audio.source import Samples
from yue.files import map_array

_FULL_SCALE = 32768


def write_header(out: IO[bytes], samples: int, channels: int, dtype: str, *, mono: bool) -> None:
    """Begin a file; interleaved channels are a Fortran-order (channels, samples) array."""
    shape = (samples,) if mono else (channels, samples)
    descr = np.dtype(dtype).newbyteorder("<").str
    header = {"descr": descr, "fortran_order": not mono, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)


def quantised(block: Samples, dtype: str) -> npt.NDArray[Any]:
    """Samples as they are stored: rounded and clipped to 16 bits, or as they are."""
    if dtype == "float32":
        return block
    scaled = np.rint(block * np.float32(_FULL_SCALE))
    clipped: npt.NDArray[np.int16] = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")
    return clipped


def as_float(stored: npt.NDArray[Any]) -> Samples:
    """Stored samples as float32 with full scale 1.

    Raises:
        ValueError: They are of another type.
    """
    if stored.dtype == np.int16:
        scaled: Samples = stored * np.float32(1 / _FULL_SCALE)
        return scaled
    if stored.dtype != np.float32:
        raise ValueError(f"samples of type {stored.dtype}")
    return stored


def read_samples(path: Path) -> Samples:
    """A track, (samples,) or (channels, samples); float32 is mapped, not read.

    Raises:
        OSError: It is missing or cannot be read.
        ValueError: It is no .npy file of samples.
    """
    return as_float(map_array(path))
