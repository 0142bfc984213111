"""The charts of a run as inline SVG: readable without JavaScript, in light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from yue.report.facts import TRACKS, Facts

_WIDTH, _HEIGHT = 640.0, 260.0
_ROW = 26.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 12.0, 12.0, 42.0
_HEAD = 28.0  # above a line chart, for the label of its values
_LONGEST_NAME = 18  # characters, in the larger type of a narrow window


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: For the legend.
        points: (x, y), at least one.
        style: CSS class of the line (colour): "vocal", "instrumental", "all", "base", ...
        dashed: Whether it is drawn dashed.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    style: str
    dashed: bool = False


@dataclass(frozen=True)
class Gap:
    """One row of a chart of differences: a name, and what it was and is."""

    name: str
    before: float
    after: float


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round numbers that span [low, high]: steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def line_chart(lines: Sequence[Line], *, title: str, x_label: str, y_label: str) -> str:
    """Draw a ``<figure>`` of lines with axes under its title; "" without any point."""
    points = [point for line in lines for point in line.points]
    if not points:
        return ""
    x_low, x_high = _bounds([x for x, _ in points])
    y_low, y_high = _add_margin(*_bounds([y for _, y in points]))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_low) / (x_high - x_low)
        up = (y - y_low) / (y_high - y_low)
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - up * (_HEIGHT - _HEAD - _BOTTOM),
        )

    legend = [(line.name, line.style, line.dashed) for line in lines]
    parts = [_figure_start(title, _HEIGHT, legend if len(lines) > 1 else [])]
    for value in ticks(y_low, y_high):
        _, y = place(x_low, value)
        parts.append(f'<path class="grid" d="M{_LEFT:g} {y:.1f}H{_WIDTH - _RIGHT:g}"/>')
        parts.append(
            f'<text x="{_LEFT - 6:g}" y="{y + 4:.1f}" class="y">{_tick_text(value)}</text>'
        )
    for value in ticks(x_low, x_high, 8):
        x, _ = place(value, y_low)
        parts.append(
            f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 16:g}" class="x">{_tick_text(value)}</text>'
        )
    parts.append(
        f'<text x="{_WIDTH - _RIGHT:g}" y="{_HEIGHT - 4:g}" class="label">{escape(x_label)}</text>'
        f'<text x="{_LEFT + 4:g}" y="16" class="label start">{escape(y_label)}</text>'
    )
    for line in lines:
        path = "L".join("{:.1f} {:.1f}".format(*place(x, y)) for x, y in line.points)
        kind = f"line {line.style}" + (" dashed" if line.dashed else "")
        parts.append(f'<path class="{escape(kind)}" d="M{path}"/>')
        if len(line.points) < 30 and not line.dashed:
            dots = (place(x, y) for x, y in line.points)
            parts += [
                f'<circle class="{escape(line.style)}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
                for x, y in dots
            ]
    return "".join([*parts, "</svg></figure>"])


def gap_chart(gaps: Sequence[Gap], *, title: str, x_label: str, style: str) -> str:
    """Draw a ``<figure>`` with a row for each gap: a ring before, a dot after; "" without any."""
    if not gaps:
        return ""
    low, high = _add_margin(*_bounds([v for gap in gaps for v in (gap.before, gap.after)]))
    left = 190.0
    bottom = _TOP + _ROW * len(gaps)

    def place(value: float) -> float:
        return left + (value - low) / (high - low) * (_WIDTH - left - _RIGHT)

    parts = [
        _figure_start(title, bottom + _BOTTOM, [("tuned", style, False), ("base", "ring", False)])
    ]
    for value in ticks(low, high, 6):
        parts.append(f'<path class="grid" d="M{place(value):.1f} {_TOP:g}V{bottom:g}"/>')
        parts.append(
            f'<text x="{place(value):.1f}" y="{bottom + 16:g}" class="x">{_tick_text(value)}</text>'
        )
    parts.append(
        f'<text x="{_WIDTH - _RIGHT:g}" y="{bottom + 38:g}" class="label">{escape(x_label)}</text>'
    )
    for number, gap in enumerate(gaps):
        y = _TOP + _ROW * (number + 0.5)
        before, after = place(gap.before), place(gap.after)
        parts.append(
            f"<g><title>{escape(gap.name)}: {gap.before:.3f} to {gap.after:.3f}</title>"
            f'<text x="{left - 10:g}" y="{y + 4:g}" class="y">{escape(_shorten(gap.name))}</text>'
            f'<path class="line {style}" d="M{before:.1f} {y:g}H{after:.1f}"/>'
            f'<circle class="ring" cx="{before:.1f}" cy="{y:g}" r="4.5"/>'
            f'<circle class="{style}" cx="{after:.1f}" cy="{y:g}" r="4.5"/></g>'
        )
    return "".join([*parts, "</svg></figure>"])


def _tick_text(value: float) -> str:
    """Write a number at a tick in few characters: 0.5, 25k, 1.5e-4."""
    if abs(value) >= 10_000:
        return f"{value / 1000:.4g}k"
    mantissa, power = f"{value:.3e}".split("e")
    return f"{float(mantissa):g}e{int(power)}" if 0 < abs(value) < 1e-3 else f"{value:.4g}"


def _shorten(name: str) -> str:
    """Leave out the middle of a long name: names often differ at their ends."""
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"


def _figure_start(title: str, height: float, legend: Sequence[tuple[str, str, bool]]) -> str:
    """Begin a figure: its title, and (name, style, dashed) of what it shows."""
    names = "".join(
        f'<span class="key"><i class="{"dash" if dashed else "dot"} {escape(style)}"></i>'
        f"{escape(name)}</span>"
        for name, style, dashed in legend
    )
    keys = f'<p class="legend">{names}</p>' if names else ""
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>{keys}"
        f'<svg class="chart" viewBox="0 0 {_WIDTH:g} {height:g}" role="img" '
        f'aria-label="{escape(title)}">'
    )


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _add_margin(low: float, high: float) -> tuple[float, float]:
    margin = 0.06 * (high - low)
    return low - margin, high + margin


_NATS = "nats a token"
_MOST_GAPS = 24


def charts(facts: Facts) -> list[str]:
    """Draw the charts for which there is data, with the base model's line where there is one."""
    tracks = _evaluated_tracks(facts)
    found = [
        _curve_chart(
            facts, "Loss", (("loss", "training", "all"), ("valid_loss", "held-out", "held"))
        ),
        *(_track_chart(facts, track) for track in tracks),
        _position_chart(facts),
        *(_loss_gap_chart(facts, "section", track) for track in tracks),
        *(_loss_gap_chart(facts, "song", track) for track in tracks),
        _curve_chart(facts, "Learning rate", (("learning_rate", "rate", "all"),), y_label=""),
        _curve_chart(facts, "Gradient norm", (("gradient_norm", "norm", "all"),), y_label=""),
        _curve_chart(
            facts, "Speed", (("tokens_per_second", "speed", "all"),), y_label="tokens a second"
        ),
    ]
    return [chart for chart in found if chart]


def _evaluated_tracks(facts: Facts) -> list[str]:
    """Return the tracks or codebooks that were evaluated."""
    prefix = "position_"
    found = {
        n.removeprefix(prefix) for n, t in facts.tables.items() if n.startswith(prefix) and t.rows
    }
    return [*(track for track in TRACKS if track in found), *sorted(found - set(TRACKS))]


def _curve_chart(
    facts: Facts, title: str, curves: Sequence[tuple[str, str, str]], y_label: str = _NATS
) -> str:
    """Draw those training curves (series, name, style) that are there."""
    lines = [
        Line(name, series.points, style)
        for key, name, style in curves
        if (series := facts.curves.get(key)) is not None
    ]
    return line_chart(lines, title=title, x_label="optimizer step", y_label=y_label)


def _track_chart(facts: Facts, track: str) -> str:
    """Draw training and held-out loss of a track, and the base model's, which is that at step 0."""
    lines = []
    for key, name, style in (
        (f"loss_{track}", "training", "all"),
        (f"valid_loss_{track}", "held-out", track),
    ):
        series = facts.curves.get(key)
        if series is None:
            continue
        lines.append(Line(name, series.points, style))
        if key.startswith("valid") and series.steps[0] == 0:
            ends = ((0.0, series.values[0]), (max(series.steps), series.values[0]))
            lines.append(Line("base model, held-out", ends, "base", dashed=True))
    title = f"Loss of {_track_title(track)}"
    return line_chart(lines, title=title, x_label="optimizer step", y_label=_NATS)


def _position_chart(facts: Facts) -> str:
    """Draw the loss by place in the song, for both tracks and both models."""
    lines = []
    for track in _evaluated_tracks(facts):
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


def _loss_gap_chart(facts: Facts, name: str, track: str) -> str:
    table = facts.tables.get(f"{name}_{track}")
    if table is None or not table.rows:
        return ""
    labels = [row[0] for row in table.rows]
    gaps = [
        Gap(*values)
        for values in zip(labels, table.numbers("base"), table.numbers("tuned"), strict=True)
    ]
    gaps.sort(key=lambda gap: gap.before - gap.after)
    title = f"Held-out loss by {name}, {_track_title(track)}"
    if len(gaps) > _MOST_GAPS:
        title += f": the {_MOST_GAPS} that gained least"
    return gap_chart(gaps[:_MOST_GAPS], title=title, x_label=_NATS, style=track)


def _track_title(track: str) -> str:
    return f"the {track} track" if track in TRACKS else track.replace("_", " ")
