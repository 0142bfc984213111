"""The charts of a run, each with the base model's line where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from yue.report.chart import Gap, Line, gap_chart, line_chart
from yue.report.facts import TRACKS, Facts

_NATS = "nats a token"
_MOST_GAPS = 24


def charts(facts: Facts) -> list[str]:
    """The charts for which there is data."""
    tracks = _tracks(facts)
    found = [
        _curves(facts, "Loss", (("loss", "training", "all"), ("valid_loss", "held-out", "held"))),
        *(_track(facts, track) for track in tracks),
        _positions(facts),
        *(_gaps(facts, "section", track) for track in tracks),
        *(_gaps(facts, "song", track) for track in tracks),
        _curves(facts, "Learning rate", (("learning_rate", "rate", "all"),), y_label=""),
        _curves(facts, "Gradient norm", (("gradient_norm", "norm", "all"),), y_label=""),
        _curves(
            facts, "Speed", (("tokens_per_second", "speed", "all"),), y_label="tokens a second"
        ),
    ]
    return [chart for chart in found if chart]


def _tracks(facts: Facts) -> list[str]:
    """The tracks or codebooks that were evaluated."""
    prefix = "position_"
    found = {
        n.removeprefix(prefix) for n, t in facts.tables.items() if n.startswith(prefix) and t.rows
    }
    return [*(track for track in TRACKS if track in found), *sorted(found - set(TRACKS))]


def _curves(
    facts: Facts, title: str, curves: Sequence[tuple[str, str, str]], y_label: str = _NATS
) -> str:
    """A chart of those training curves (series, name, style) that are there."""
    lines = [
        Line(name, tuple(zip(series.steps, series.values, strict=True)), style)
        for key, name, style in curves
        if (series := facts.curves.get(key)) is not None
    ]
    return line_chart(lines, title=title, x_label="optimizer step", y_label=y_label)


def _track(facts: Facts, track: str) -> str:
    """Training and held-out loss of a track, and what the base model has: the curve at step 0."""
    lines = []
    for key, name, style in (
        (f"loss_{track}", "training", "all"),
        (f"valid_loss_{track}", "held-out", track),
    ):
        series = facts.curves.get(key)
        if series is None:
            continue
        lines.append(Line(name, tuple(zip(series.steps, series.values, strict=True)), style))
        if key.startswith("valid") and series.steps[0] == 0:
            ends = ((0.0, series.values[0]), (max(series.steps), series.values[0]))
            lines.append(Line("base model, held-out", ends, "base", dashed=True))
    title = f"Loss of {_named(track)}"
    return line_chart(lines, title=title, x_label="optimizer step", y_label=_NATS)


def _positions(facts: Facts) -> str:
    """Loss by place in the song, for both tracks and both models."""
    lines = []
    for track in _tracks(facts):
        table = facts.tables[f"position_{track}"]
        for model in ("tuned", "base"):
            points = tuple(zip(table.numbers(table.header[0]), table.numbers(model), strict=True))
            lines.append(Line(f"{track}, {model}", points, track, dashed=model == "base"))
    return line_chart(
        lines,
        title="Held-out loss by place in the song",
        x_label="tokens from the start",
        y_label=_NATS,
    )


def _gaps(facts: Facts, name: str, track: str) -> str:
    table = facts.tables.get(f"{name}_{track}")
    if table is None or not table.rows:
        return ""
    labels = [row[0] for row in table.rows]
    gaps = [
        Gap(*values)
        for values in zip(labels, table.numbers("base"), table.numbers("tuned"), strict=True)
    ]
    gaps.sort(key=lambda gap: gap.before - gap.after)
    title = f"Held-out loss by {name}, {_named(track)}"
    if len(gaps) > _MOST_GAPS:
        title += f": the {_MOST_GAPS} that gained least"
    return gap_chart(gaps[:_MOST_GAPS], title=title, x_label=_NATS, style=track)


def _named(track: str) -> str:
    return f"the {track} track" if track in TRACKS else track.replace("_", " ")
