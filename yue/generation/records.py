"""``samples.json``: what each generated (or reference) sample is and where its files are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
        return [_sample(row) for row in rows]
    except (TypeError, KeyError, AttributeError) as error:
        raise GenerationError(
            f"{path}: not a list of samples ({type(error).__name__}: {error})",
            fix="run `dvc repro generate` again",
        ) from error


def _sample(row: dict[str, Any]) -> Sample:
    sections = tuple(SampleSection(**section) for section in row["sections"])
    statistics = {track: TrackStatistics(**values) for track, values in row["statistics"].items()}
    return Sample(**{**row, "sections": sections, "statistics": statistics})
