"""``samples.json``: what each sample is, its files, and numbers that show a collapsed one.

A collapsed sample is silent, holds one code, or uses few codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yue.errors import GenerationError
from yue.files import read_json, write_json

SAMPLES_FILE = "samples.json"
TRACKS = ("vocal", "instrumental", "mix")
# In the order in which they are compared.
MODELS = ("original", "roundtrip", "base", "tuned")


@dataclass(frozen=True)
class TrackStatistics:
    """Numbers about one track of a sample.

    Attributes:
        seconds: Duration.
        peak: Largest absolute sample, 1 is full scale.
        rms_db: Level in dB of full scale, or None for digital silence.
        silence_share: Share of 50 ms windows below -50 dB of full scale.
        distinct_share: Distinct codes over frames, or None where there are no codes.
        longest_run_seconds: Longest time with one and the same code, or None without codes.
    """

    seconds: float
    peak: float
    rms_db: float | None
    silence_share: float
    distinct_share: float | None
    longest_run_seconds: float | None


@dataclass(frozen=True)
class SampleSection:
    """One section of a sample.

    Attributes:
        text: Its label and lyrics as in the prompt.
        seconds: Duration.
        ended: Whether the model ended it before the limit; None in references.
    """

    text: str
    seconds: float
    ended: bool | None


@dataclass(frozen=True)
class Sample:
    """One sample: three WAV files, and the codes they were decoded from.

    Attributes:
        name: Base name of its files, unique in the folder.
        model: "tuned", "base", "original" (the recording) or "roundtrip" (the recording's own
            codes, decoded: the best that generated codes could sound).
        song_id: The song that gave genres and lyrics.
        split: The song's split ("valid", "test", "train"), or "given" for lyrics from a file.
        genres: The prompt's genres.
        lyrics: The prompt's lyrics, all sections.
        seed: Of the random numbers; None in references.
        seconds: Duration.
        sample_rate: Of the WAV files.
        files: Track to WAV file name in the folder.
        codes: ``.npz`` file name with ``vocal`` and ``instrumental``, (K, frames) int16, or None.
        sections: What was generated (or played), in order.
        statistics: Track to numbers.
        tokens: ``.npy`` file name of everything that the model read and said, (N,) int32: a
            training document but for its ``<EOD>``. None in references.
    """

    name: str
    model: str
    song_id: str
    split: str
    genres: str
    lyrics: str
    seed: int | None
    seconds: float
    sample_rate: int
    files: dict[str, str]
    codes: str | None
    sections: tuple[SampleSection, ...]
    statistics: dict[str, TrackStatistics]
    tokens: str | None = None


def write_samples(folder: Path, samples: Sequence[Sample]) -> None:
    """Write ``samples.json`` into ``folder``."""
    write_json(folder / SAMPLES_FILE, [asdict(sample) for sample in samples])


def read_samples(folder: Path) -> list[Sample]:
    """Read ``samples.json`` of ``folder``.

    Raises:
        YueError: It is missing or is not JSON.
        GenerationError: It is not a list of samples.
    """
    path = folder / SAMPLES_FILE
    rows = read_json(path)
    try:
        return [_parse_sample(row) for row in rows]
    except (TypeError, KeyError, AttributeError) as error:
        raise GenerationError(
            f"{path}: not a list of samples ({type(error).__name__}: {error})",
            fix="run `dvc repro generate` again",
        ) from error


def _parse_sample(row: dict[str, Any]) -> Sample:
    sections = tuple(SampleSection(**section) for section in row["sections"])
    statistics = {track: TrackStatistics(**values) for track, values in row["statistics"].items()}
    return Sample(**{**row, "sections": sections, "statistics": statistics})


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
