"""Measure the samples of all models, track by track."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yue.codecs.melrvq_mel import mel_distance
from yue.evaluation.code_statistics import (
    CODED,
    Codes,
    Corpus,
    Grams,
    corpus,
    divergence,
    entropy,
    grams,
    repeats,
    sample_codes,
)
from yue.evaluation.copied_passages import longest_match
from yue.evaluation.eval_metrics import interval
from yue.evaluation.sample_metrics import Measures, SampleMetrics
from yue.evaluation.sound_measures import SampleTrack, read_track, spectrum_distance
from yue.generation.sample_records import MODELS, TRACKS, Sample

_HELD_OUT = ("valid", "test")
_REPEATED_SECONDS = 0.5


@dataclass(frozen=True)
class _Reference:
    """What samples are compared with.

    Attributes:
        grams: By track, the codes of held-out songs and their pairs.
        training: Training songs.
        recordings: By track, the recordings of the prompts.
    """

    grams: dict[str, tuple[Grams, Grams]]
    training: Corpus
    recordings: dict[str, list[SampleTrack]]


def measure_samples(
    samples: Sequence[Sample],
    folder: Path,
    tokens: Path,
    advance: Callable[[], None] = lambda: None,
) -> SampleMetrics:
    """Measure all samples.

    Args:
        samples: The samples.
        folder: Where their files are.
        tokens: The folder of token files. Where no song was held out, codes are compared with
            those of training songs.
        advance: Called after each model.

    Raises:
        YueError: A file is missing or damaged.
    """
    held_out = corpus(tokens, _HELD_OUT)
    training = corpus(tokens, ("train",))
    songs = held_out if held_out.splits else training
    by_model = {
        model: found
        for model in MODELS
        if (found := [sample for sample in samples if sample.model == model])
    }
    reference = _Reference(
        {track: (grams(songs.songs(track), 1), grams(songs.songs(track), 2)) for track in CODED},
        training,
        _read_tracks(by_model.get("original", []), folder),
    )
    models = {}
    for model, found in by_model.items():
        models[model] = _measure_model(found, folder, reference)
        advance()
    return SampleMetrics(
        models=models,
        songs=len({sample.song_id for sample in samples}),
        reference_songs=max(sum(1 for _ in songs.songs(track)) for track in CODED),
        reference=", ".join(prefix.name for prefix in songs.splits),
    )


def _read_tracks(samples: Sequence[Sample], folder: Path) -> dict[str, list[SampleTrack]]:
    return {
        track: [read_track(folder / sample.files[track]) for sample in samples]
        for track in TRACKS
        if all(track in sample.files for sample in samples)
    }


def _measure_model(
    samples: Sequence[Sample], folder: Path, reference: _Reference
) -> dict[str, Measures]:
    measures = {}
    for track, sounds in _read_tracks(samples, folder).items():
        found = [sample_codes(sample, folder, track) for sample in samples]
        codes = [lane for lane in found if lane is not None]
        coded_seconds = sum(s.seconds for sample in samples for s in sample.sections if codes)
        recordings = reference.recordings.get(track, [])
        is_roundtrip = samples[0].model == "roundtrip"
        by_song: dict[str, Sequence[float | None]] = {
            "silence_share": [sample.statistics[track].silence_share for sample in samples],
            "loudness": [sound.loudness for sound in sounds],
            "clipped_share": [sound.clipped_share for sound in sounds],
            "mel_distance": _mel_distances(recordings, sounds) if is_roundtrip else [],
        }
        means = {name: _equal_weights(values) for name, values in by_song.items()}
        if coded_seconds:
            frames = round(_REPEATED_SECONDS * sum(lane.size for lane in codes) / coded_seconds)
            means["repeated_share"] = repeats(codes, max(1, frames))
        weighted = {name: found.T for name, found in means.items() if len(found)}
        intervals = {name: interval(*found) for name, found in weighted.items()}
        measures[track] = Measures(
            seconds=sum(len(sound.audio) / sound.rate for sound in sounds),
            **(_measure_codes(codes, track, reference, coded_seconds) if coded_seconds else {}),
            true_peak=max(sound.true_peak for sound in sounds),
            spectrum_distance=spectrum_distance(sounds, recordings),
            **{name: float(sums.sum() / counts.sum()) for name, (sums, counts) in weighted.items()},
            intervals={name: ends for name, ends in intervals.items() if ends is not None},
        )
    return measures


def _equal_weights(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    """Return values and ones, (songs, 2), for a mean in which songs count alike."""
    known = [(value, 1.0) for value in values if value is not None]
    return np.array(known, dtype=np.float64).reshape(-1, 2)


def _measure_codes(
    codes: Sequence[Codes], track: str, reference: _Reference, seconds: float
) -> dict[str, float | None]:
    frame_rate = sum(lane.size for lane in codes) / seconds
    single, pairs = grams(codes, 1), grams(codes, 2)
    reference_single, reference_pairs = reference.grams[track]
    return {
        "entropy": entropy(single),
        "divergence": divergence(single, reference_single),
        "pair_divergence": divergence(pairs, reference_pairs),
        "match_seconds": longest_match(codes, reference.training.songs(track)) / frame_rate,
    }


def _mel_distances(
    recordings: Sequence[SampleTrack], decoded: Sequence[SampleTrack]
) -> list[float]:
    distances = []
    for first, second in zip(recordings, decoded, strict=False):
        if first.rate == second.rate:
            length = min(len(first.audio), len(second.audio))
            distances.append(mel_distance(first.audio[:length], second.audio[:length], first.rate))
    return distances
