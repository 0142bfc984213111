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
from yue.report.facts import Facts, Series, Table
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
    """The curves that are there: loss with the base as a line, per track, learning rate."""
    found = [
        _loss_chart(facts),
        _track_chart(facts),
        _table_chart(facts.tables.get("by_position")),
        _single(facts.curves.get("lr"), "Learning rate", "learning rate"),
    ]
    return [chart for chart in found if chart]


def _points(series: Series) -> tuple[tuple[float, float], ...]:
    return tuple(zip(series.steps, series.values, strict=True))


def _loss_chart(facts: Facts) -> str:
    lines = []
    for key, name, style in (("loss", "training", "all"), ("valid_loss", "held-out", "held")):
        if key in facts.curves:
            lines.append(Line(name, _points(facts.curves[key]), style))
    return line_chart(
        lines, title="Loss by optimizer step", x_label="optimizer step", y_label="nats a token"
    )


def _track_chart(facts: Facts) -> str:
    lines = []
    for track in ("vocal", "instrumental"):
        curve = facts.curves.get(f"role_loss/{track}")
        if curve is None:
            continue
        lines.append(Line(track, _points(curve), track))
        base = facts.evaluation.base.get(track)
        if base is not None:
            ends = ((curve.steps[0], base.loss), (curve.steps[-1], base.loss))
            lines.append(Line(f"{track}, base, held-out", ends, track, dashed=True))
    return line_chart(
        lines,
        title="Loss per track (dashed: the base model on held-out songs)",
        x_label="optimizer step",
        y_label="nats a token",
    )


def _single(series: Series | None, title: str, label: str) -> str:
    lines = [] if series is None else [Line(series.name, _points(series), "all")]
    return line_chart(lines, title=title, x_label="optimizer step", y_label=label)


def _table_chart(table: Table | None) -> str:
    """Loss by place in the song, one line a model and track."""
    wanted = ("model", "role", "position", "loss")
    if table is None or not set(wanted) <= set(table.header):
        return ""
    columns = [table.header.index(name) for name in wanted]
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in table.rows:
        model, role, position, loss = (row[column] for column in columns)
        if role in ("vocal", "instrumental"):
            points.setdefault((model, role), []).append((float(position), float(loss)))
    lines = [
        Line(f"{role}, {model}", tuple(sorted(found)), role, dashed=model == "base")
        for (model, role), found in points.items()
    ]
    return line_chart(
        lines,
        title="Held-out loss by place in the song (dashed: base)",
        x_label="position",
        y_label="nats a token",
    )


def recipe_values(recipe: Any) -> dict[str, Any]:
    """A recipe as nested values: scalars of the top, then one group for each section."""
    values: dict[str, Any] = asdict(recipe)
    return values
