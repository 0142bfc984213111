"""``metrics/samples.json``: what samples of each model are like, and which model is closer.

A new measure is a field of :class:`Measures`, which says how it is shown and compared, and its
value in :mod:`yue.evaluation.measure_samples`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from yue.evaluation.eval_metrics import Interval, round6
from yue.files import write_json


@dataclass(frozen=True)
class Display:
    """How a measure is shown, and what says which model is closer.

    Attributes:
        label: Its name in the report.
        form: Its format.
        factor: It is shown times this.
        target: Samples should have the value of "recordings", or "zero" for a distance from them;
            None compares nothing.
    """

    label: str
    form: str
    factor: int = 1
    target: Literal["recordings", "zero"] | None = None


def _measure(
    label: str,
    form: str,
    factor: int = 1,
    target: Literal["recordings", "zero"] | None = None,
) -> Any:
    return field(default=None, metadata={"display": Display(label, form, factor, target)})


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
            the codec's round trip alone, which shows how good any sample can sound.
        intervals: Of those numbers that are means over songs, by name: 95 % intervals of the
            bootstrap over songs. Entropies and distances are of all songs' codes or sounds
            together, where songs drawn twice would pass for sameness.
    """

    seconds: float
    entropy: float | None = _measure("entropy of codes, bits", "{:.2f}", target="recordings")
    divergence: float | None = _measure("divergence of codes, bits", "{:.3f}", target="zero")
    pair_divergence: float | None = _measure("divergence of pairs, bits", "{:.3f}", target="zero")
    repeated_share: float | None = _measure(
        "repeated half seconds, %", "{:.1f}", 100, target="recordings"
    )
    match_seconds: float | None = _measure("longest match with training, s", "{:.2f}")
    silence_share: float | None = _measure("silence, %", "{:.1f}", 100, target="recordings")
    loudness: float | None = _measure("loudness, LUFS", "{:.1f}", target="recordings")
    true_peak: float | None = _measure("true peak", "{:.2f}")
    clipped_share: float | None = _measure("clipped, %", "{:.2f}", 100)
    spectrum_distance: float | None = _measure("distance of spectra, dB", "{:.1f}", target="zero")
    mel_distance: float | None = _measure("distance from the recording", "{:.3f}")
    intervals: dict[str, Interval] = field(default_factory=dict)


DISPLAYS: dict[str, Display] = {
    one.name: one.metadata["display"] for one in fields(Measures) if "display" in one.metadata
}
"""By measure, in the order in which they are shown."""


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
        """Compare tuned and base in all that recordings have a value for."""
        found = []
        for track, base in self.models.get("base", {}).items():
            tuned = self.models.get("tuned", {}).get(track)
            recorded = self.models.get("roundtrip", {}).get(track)
            for name, display in DISPLAYS.items():
                if display.target is None:
                    continue
                target = 0.0 if display.target == "zero" else getattr(recorded, name, None)
                values = [target, getattr(base, name), getattr(tuned, name, None)]
                known = [float(value) for value in values if value is not None]
                if len(known) == len(values):
                    found.append(Comparison(track, name, *known))
        return found

    @property
    def closer(self) -> dict[tuple[str, str], str]:
        """The closer model by track and number."""
        return {(found.track, found.name): found.closer for found in self.comparisons()}


def write_sample_metrics(path: Path, metrics: SampleMetrics) -> None:
    """Write the file, whole or not at all; what was not measured is left out."""
    closer = list(metrics.closer.values())
    value: dict[str, Any] = {
        model: {track: _known_numbers(found) for track, found in tracks.items()}
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


def _known_numbers(found: Measures) -> dict[str, Any]:
    values = asdict(found)
    intervals = values.pop("intervals")
    known = {name: round6(number) for name, number in values.items() if number is not None}
    ends = {name: [round6(low), round6(high)] for name, (low, high) in intervals.items()}
    return known | ({"intervals": ends} if ends else {})


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
"""Shown in the report, so that what is missing is known to be missing."""
