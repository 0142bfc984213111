"""A folder of audio files or arrays, as tracks to fit a codec to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from yue.audio.decode import open_audio
from yue.audio.discover import READABLE
from yue.audio.resample import make_resampler
from yue.codecs.base import Audio
from yue.codecs.sources import visible_paths
from yue.codecs.tracks import read_array
from yue.errors import CodecError


def read_audio_folder(folder: Path, sample_rate: int) -> list[Audio]:
    """Every audio file and .npy below a folder, as (samples,) float32 mono, in order of path.

    Args:
        folder: Audio files at any rate, or .npy arrays at ``sample_rate``.
        sample_rate: Of the tracks.

    Raises:
        CodecError: There is none.
        AudioError: One cannot be read.
    """
    files = [
        path
        for path in visible_paths(folder)
        if path.is_file() and path.suffix.lower() in {".npy", *READABLE}
    ]
    if not files:
        raise CodecError(
            f"no audio in {folder}",
            why=f"looked for .npy, {', '.join(sorted(READABLE))}",
            fix="give a folder of songs, or one that `yue convert` made",
        )
    return [read_audio_file(path, sample_rate) for path in files]


def read_audio_file(path: Path, sample_rate: int) -> Audio:
    """One audio file or .npy as (samples,) float32 mono; raises as :func:`read_audio_folder`."""
    if path.suffix.lower() == ".npy":
        array = read_array(path, None)
        if not np.isfinite(array).all():
            raise CodecError(
                f"{path}: it has samples that are not finite numbers",
                fix="convert the song again from its source file, or remove the file",
            )
        return array
    with open_audio(path) as audio:
        resampler = make_resampler("sinc_hann", audio.format.sample_rate, sample_rate, 1)
        blocks = [resampler.push(block.mean(axis=1, keepdims=True)) for block in audio.blocks()]
        blocks.append(resampler.finish())
    return np.concatenate(blocks)[:, 0]
