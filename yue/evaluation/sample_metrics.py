"""``metrics/samples.json``: what samples are like, and what was not measured.

What is usual to measure and needs a model that this project does not bring.

``metrics/samples.json``: what samples of each model are like, and which model is closer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from yue.evaluation.eval_metrics import Interval
from yue.files import write_json


@dataclass(frozen=True)
class Unavailable:
    """A metric that was not computed.

    Attributes:
        name: As it is known.
        says: What it would say.
        needs: What it needs.
        how: How to get it.
    """

    name: str
    says: str
    needs: str
    how: str


UNAVAILABLE = (
    Unavailable(
        "FAD",
        "how far the samples' sound is from that of real songs, to a listening model",
        "an embedding model (VGGish, CLAP or MERT) and a folder of reference songs",
        "pip install fadtk; mkdir tuned; cp work/samples/*.tuned.mix.wav tuned/; "
        "fadtk clap-laion-music REFERENCE_FOLDER tuned (work/samples itself holds recordings and "
        "the base model's samples too); the same with *.base.mix.wav, to compare",
    ),
    Unavailable(
        "CLAP score",
        "whether the samples sound like their genre tags",
        "a CLAP model, such as laion/larger_clap_music",
        "pip install laion-clap; compare the embedding of each mix.wav with that of its genres in "
        "samples.json",
    ),
    Unavailable(
        "Lyrics WER",
        "whether the words that are sung are those of the lyrics",
        "a speech recogniser, such as Whisper large-v3",
        "pip install openai-whisper jiwer; transcribe each vocal.wav, and the recording's too: its "
        "error rate is the least that a sample can have",
    ),
)
"""Told in the report, so that what is missing is known to be missing."""


@dataclass(frozen=True)
class Measures:
    """The samples of one model on one track; None where there is nothing to measure.

    Attributes:
        seconds: Of all songs together.
        entropy: Of the codes, in bits.
        divergence: Jensen-Shannon divergence in bits of the codes from those of held-out songs.
        pair_divergence: The same of pairs of neighbouring codes.
        repeated_share: Share of half seconds that repeat an earlier one of their song, to the code.
        match_seconds: The longest passage that is in a training song too, to the code.
        silence_share: Share of 50 ms windows below -50 dB of full scale.
        loudness: Mean over songs, LUFS.
        true_peak: Largest, 1 is full scale.
        clipped_share: Share of samples at full scale.
        spectrum_distance: From the mean spectrum of the recordings, in dB.
        mel_distance: From the recordings (:func:`yue.codecs.melrvq_mel.mel_distance`): of
            the codec's round trip alone, which tells how good any sample can sound.
        intervals: Of those numbers that are means over songs, by name: 95 % intervals of the
            bootstrap over songs. Entropies and distances are of all songs' codes or sounds
            together, where songs drawn twice would pass for sameness.
    """

    seconds: float
    entropy: float | None = None
    divergence: float | None = None
    pair_divergence: float | None = None
    repeated_share: float | None = None
    match_seconds: float | None = None
    silence_share: float | None = None
    loudness: float | None = None
    true_peak: float | None = None
    clipped_share: float | None = None
    spectrum_distance: float | None = None
    mel_distance: float | None = None
    intervals: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """One number of the samples of both models, beside what it is in recordings.

    Attributes:
        track: Which track.
        name: A field of :class:`Measures`.
        target: Its value in held-out songs; 0 for what is a distance already.
        base: Of the base model.
        tuned: Of the tuned model.
    """

    track: str
    name: str
    target: float
    base: float
    tuned: float

    @property
    def closer(self) -> str:
        """The model that is closer to it: "tuned", "base" or "neither"."""
        base, tuned = abs(self.base - self.target), abs(self.tuned - self.target)
        return "neither" if base == tuned else "tuned" if tuned < base else "base"


@dataclass(frozen=True)
class SampleMetrics:
    """All models.

    Attributes:
        models: By model and track; "roundtrip" is what the codec makes of recordings.
        songs: Prompts.
        reference_songs: Songs that codes were compared with.
        reference: The splits that they are from, as "valid, test".
    """

    models: dict[str, dict[str, Measures]]
    songs: int
    reference_songs: int
    reference: str

    def comparisons(self) -> list[Comparison]:
        """Tuned against base in all that recordings have a value for."""
        found = []
        for track, base in self.models.get("base", {}).items():
            tuned = self.models.get("tuned", {}).get(track)
            recorded = self.models.get("roundtrip", {}).get(track)
            for name in _COMPARED:
                target = 0.0 if name in _DISTANCES else getattr(recorded, name, None)
                values = [target, getattr(base, name), getattr(tuned, name, None)]
                known = [float(value) for value in values if value is not None]
                if len(known) == len(values):
                    found.append(Comparison(track, name, *known))
        return found

    @property
    def closer(self) -> dict[tuple[str, str], str]:
        """The closer model by track and number."""
        return {(found.track, found.name): found.closer for found in self.comparisons()}


_DISTANCES = ("divergence", "pair_divergence", "spectrum_distance")
_COMPARED = (*_DISTANCES, "entropy", "repeated_share", "silence_share", "loudness")


def write_sample_metrics(path: Path, metrics: SampleMetrics) -> None:
    """Write the file, whole or not at all; what was not measured is left out."""
    closer = list(metrics.closer.values())
    value: dict[str, Any] = {
        model: {track: _numbers(found) for track, found in tracks.items()}
        for model, tracks in metrics.models.items()
    }
    if closer:
        value["closer"] = {name: closer.count(name) for name in ("base", "tuned", "neither")}
    value |= {
        "songs": metrics.songs,
        "reference": metrics.reference,
        "reference_songs": metrics.reference_songs,
    }
    write_json(path, value)


def _numbers(found: Measures) -> dict[str, Any]:
    values = asdict(found)
    intervals = values.pop("intervals")
    known = {name: _rounded(number) for name, number in values.items() if number is not None}
    ends = {name: [_rounded(low), _rounded(high)] for name, (low, high) in intervals.items()}
    return known | ({"intervals": ends} if ends else {})


def _rounded(value: float) -> float:
    return round(float(value), 6)
