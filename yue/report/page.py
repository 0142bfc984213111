"""The page: facts, sounds and the token view, put through the template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from yue.generation.records import MODELS, TRACKS, Sample
from yue.report.chart import Line, line_chart
from yue.report.facts import Facts
from yue.report.sound import Sound, load_sound
from yue.report.tokens import DocumentView
from yue.report.verdict import judge

ROLES = ("vocal", "instrumental", "audio", "text")
MODEL_NAMES = {
    "original": "Recording",
    "roundtrip": "Recording, through the codec",
    "base": "Base model",
    "tuned": "Tuned model",
}


@dataclass(frozen=True)
class Player:
    """One sample with its sounds, track by track."""

    title: str
    sample: Sample
    sounds: dict[str, Sound]


@dataclass(frozen=True)
class Song:
    """All samples for one prompt, in the order in which they are compared."""

    song_id: str
    split: str
    genres: str
    lyrics: str
    players: tuple[Player, ...]


def render(
    facts: Facts,
    samples: Sequence[Sample],
    folder: Path,
    document: DocumentView,
    recipe: dict[str, Any],
    progress: Callable[[], None] = lambda: None,
) -> str:
    """The whole page as HTML without references to anything outside it.

    Args:
        facts: Metrics, curves, run card and data card.
        samples: What is to be heard.
        folder: Where their files are.
        document: The token view.
        recipe: The recipe, as nested values, for the run card.
        progress: Called after each sample whose sounds are ready.

    Raises:
        YueError: A sample's file is missing.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["signed"] = lambda value: f"{value:+.3f}"
    template = environment.from_string(_asset("report.html"))
    return template.render(
        style=_asset("report.css"),
        script=_asset("report.js"),
        verdict=judge(facts, samples),
        facts=facts,
        roles=[role for role in ROLES if role in facts.evaluation.change],
        charts=charts(facts),
        songs=_songs(samples, folder, progress),
        tracks=TRACKS,
        generated=[sample for sample in samples if sample.model in ("base", "tuned")],
        model_names=MODEL_NAMES,
        document=document,
        recipe=recipe,
    )


def _asset(name: str) -> str:
    return files("yue.report").joinpath(name).read_text(encoding="utf-8")


def _songs(samples: Sequence[Sample], folder: Path, progress: Callable[[], None]) -> list[Song]:
    by_song: dict[str, list[Sample]] = {}
    for sample in samples:
        by_song.setdefault(sample.song_id, []).append(sample)
    songs = []
    for song_id, group in by_song.items():
        players = []
        for sample in sorted(group, key=lambda s: MODELS.index(s.model)):
            sounds = {
                track: load_sound(folder / sample.files[track])
                for track in TRACKS
                if track in sample.files
            }
            players.append(Player(MODEL_NAMES[sample.model], sample, sounds))
            progress()
        first = group[0]
        songs.append(Song(song_id, first.split, first.genres, first.lyrics, tuple(players)))
    return songs


def charts(facts: Facts) -> list[str]:
    """The charts for which there is data."""
    found = [
        _curves_chart(
            facts,
            "Loss by optimizer step",
            (("loss", "all"), ("valid_loss", "held")),
        ),
        _curves_chart(
            facts,
            "Held-out loss per track by optimizer step (step 0 is the base model)",
            (("valid_loss_vocal", "vocal"), ("valid_loss_instrumental", "instrumental")),
        ),
        _position_chart(facts),
        _curves_chart(facts, "Learning rate", (("learning_rate", "all"),), y_label=""),
    ]
    return [chart for chart in found if chart]


def _curves_chart(
    facts: Facts,
    title: str,
    curves: Sequence[tuple[str, str]],
    y_label: str = "nats a token",
) -> str:
    """A chart of those training curves (name, style) that are there."""
    lines = []
    for name, style in curves:
        series = facts.curves.get(name)
        if series is not None:
            points = tuple(zip(series.steps, series.values, strict=True))
            lines.append(Line(name, points, style))
    return line_chart(lines, title=title, x_label="optimizer step", y_label=y_label)


def _position_chart(facts: Facts) -> str:
    """Loss by place in the song, for both tracks and both models."""
    lines = []
    for track in ("vocal", "instrumental"):
        table = facts.tables.get(f"position_{track}")
        if table is None:
            continue
        for model in ("base", "tuned"):
            points = tuple(zip(table.numbers(table.header[0]), table.numbers(model), strict=True))
            if points:
                lines.append(Line(f"{track}, {model}", points, track, dashed=model == "base"))
    return line_chart(
        lines,
        title="Held-out loss by place in the song (dashed: base)",
        x_label="tokens from the start",
        y_label="nats a token",
    )


def recipe_values(recipe: Any) -> dict[str, Any]:
    """A recipe as nested values: scalars of the top, then one group for each section."""
    values: dict[str, Any] = asdict(recipe)
    return values
