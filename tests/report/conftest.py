"""The results of a small run, as its stages leave them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from yue.evaluation.sample_metrics import Measures, SampleMetrics
from yue.files import write_json, write_text
from yue.generation.sample_records import Sample, SampleSection, TrackStatistics, write_samples
from yue.paths import Paths
from yue.rejections import Rejections, write_rejections

RATE = 16_000


def score(loss: float) -> dict[str, float]:
    return {
        "loss": loss,
        "low": loss - 0.2,
        "high": loss + 0.2,
        "perplexity": float(np.exp(loss)),
        "top1": 0.1,
        "top5": 0.3,
        "tokens": 900,
    }


def write_evaluation(path: Path, tuned: float = 3.0, **changes: object) -> None:
    base = 4.0
    roles = ("vocal", "instrumental", "audio", "text")
    difference = tuned - base
    change = {"loss": difference, "low": difference - 0.2, "high": difference + 0.2}
    value = {
        "base": {role: score(base) for role in roles},
        "tuned": {role: score(tuned) for role in roles},
        "change": dict.fromkeys(roles, change),
        "kl_to_base": dict.fromkeys(roles, 0.5),
        "split": "valid",
        "songs": 6,
        "held_out": True,
    }
    write_json(path, value | changes)


def sample(song: str, model: str, folder: Path, **numbers: object) -> Sample:
    tone = (0.3 * np.sin(np.arange(RATE) / 9)).astype("f4")
    files = {}
    for track in ("vocal", "instrumental", "mix"):
        files[track] = f"{song}.{model}.{track}.wav"
        soundfile.write(folder / files[track], tone, RATE)
    values: dict[str, object] = {
        "seconds": 1.0, "peak": 0.3, "rms_db": -13.0, "silence_share": 0.0,
        "distinct_share": 0.2, "longest_run_seconds": 0.1,
    }  # fmt: skip
    statistics = TrackStatistics(**(values | numbers))  # type: ignore[arg-type]
    return Sample(
        name=f"{song}.{model}",
        model=model,
        song_id=song,
        split="valid",
        genres="pop <b>&",
        lyrics="[verse]\n<script>alert(1)</script>\n\n",
        seed=1,
        seconds=1.0,
        sample_rate=RATE,
        files=files,
        codes=None,
        sections=(SampleSection("[verse]", 1.0, True),),
        statistics=dict.fromkeys(files, statistics),
    )


def measures(**numbers: float) -> Measures:
    values = {"divergence": 0.4, "entropy": 5.0, "match_seconds": 0.5, "silence_share": 0.1}
    intervals = {"silence_share": (0.025, 0.175)}
    return Measures(seconds=8.0, **(values | numbers), intervals=intervals)


def sample_metrics(**numbers: float) -> SampleMetrics:
    """The tuned model is closer in its divergence and its entropy, and has these numbers."""
    models = {
        "original": Measures(seconds=8.0, loudness=-15.0),
        "roundtrip": measures(divergence=0.1),
        "base": measures(divergence=0.8, entropy=7.0),
        "tuned": measures(**numbers),
    }
    return SampleMetrics(
        {model: dict.fromkeys(("vocal", "instrumental"), found) for model, found in models.items()},
        songs=2,
        reference_songs=6,
        reference="valid",
    )


@pytest.fixture
def results(tmp_path: Path) -> Paths:
    return make_results(tmp_path)


def make_results(folder: Path) -> Paths:
    paths = Paths(folder)
    write_evaluation(paths.metrics / "eval.json")
    write_json(paths.metrics / "train.json", {"loss": 3.1, "steps": 40, "tokens_per_second": 900.5})
    plots = paths.metrics / "plots" / "train"
    curve = "step\t{0}\n5\t4.0\n10\t3.5\n15\t3.2\n"
    write_text(plots / "loss.tsv", curve.format("loss"))
    write_text(plots / "valid_loss.tsv", curve.format("valid_loss"))
    write_text(plots / "valid_loss_vocal.tsv", "step\tvalid_loss_vocal\n0\t4.0\n10\t3.5\n15\t3.2\n")
    tables = paths.metrics / "plots" / "eval"
    write_text(
        tables / "position_vocal.csv",
        "position,tokens,base,tuned\n0,20,4.1,3.1\n512,20,3.9,2.9\n",
    )
    write_text(
        tables / "section_vocal.csv",
        "section,tokens,base,tuned\nverse,20,4.1,3.1\n<chorus>,20,3.9,2.9\n"
        "a section of a very long name,20,3.9,2.9\n",
    )
    run = {"recipe_digest": "abc", "versions": {"torch": "2.11"}, "wall_seconds": 90.0}
    write_json(paths.adapter / "run.json", run)
    write_json(paths.data_report, {"songs": 9, "warnings": []})
    write_rejections(paths.rejected, Rejections(9))
    paths.samples.mkdir(parents=True)
    songs = [
        sample(song, model, paths.samples)
        for song in ("one", "two")
        for model in ("original", "roundtrip", "base", "tuned")
    ]
    write_samples(paths.samples, songs)
    return paths
