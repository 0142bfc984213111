"""Experiments side by side: what they differ in and their metrics, as columns.

What experiments differ in, and their metrics, as columns of a table.

Experiments side by side on a terminal: a column each, the state first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from yue.report.experiments import Experiment, changed

# (metric, label, format, whether less is better, or None where neither is)
_METRICS = (
    ("eval:base.vocal.loss", "base loss, vocal", "{:.3f}", None),
    ("eval:tuned.vocal.loss", "loss, vocal", "{:.3f}", True),
    ("eval:change.vocal.loss", "change, vocal", "{:+.3f}", True),
    ("eval:base.instrumental.loss", "base loss, instrumental", "{:.3f}", None),
    ("eval:tuned.instrumental.loss", "loss, instrumental", "{:.3f}", True),
    ("eval:change.instrumental.loss", "change, instrumental", "{:+.3f}", True),
    ("eval:kl_to_base.audio", "KL to base", "{:.3f}", None),
    ("samples:tuned.vocal.divergence", "divergence, vocal", "{:.3f}", True),
    ("samples:tuned.instrumental.divergence", "divergence, instrumental", "{:.3f}", True),
    ("samples:tuned.instrumental.match_seconds", "longest match, s", "{:.2f}", None),
    ("samples:closer.tuned", "closer than base", "{:.0f}", False),
    ("train:tokens_per_second", "tokens a second", "{:,.0f}", None),
    ("train:wall_seconds", "training, s", "{:.0f}", None),
)


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        label: Its head.
        cells: Text and whether it is the best, of each experiment.
    """

    label: str
    cells: tuple[tuple[str, bool], ...]


def param_columns(experiments: Sequence[Experiment]) -> list[Column]:
    """The recipe keys in which they differ."""
    return [
        Column(key, tuple((_told(experiment.params.get(key)), False) for experiment in experiments))
        for key in changed(experiments)
    ]


def metric_columns(experiments: Sequence[Experiment]) -> list[Column]:
    """The metrics that any of them has, the best of each marked."""
    columns = []
    for key, label, form, less in _METRICS:
        values = [experiment.metrics.get(key) for experiment in experiments]
        known = [value for value in values if value is not None]
        if not known:
            continue
        best = None if less is None or len(set(known)) < 2 else (min if less else max)(known)
        cells = tuple(
            ("", False) if value is None else (form.format(value), value == best)
            for value in values
        )
        columns.append(Column(label, cells))
    return columns


def _told(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "not set" if value is None else str(value)


_GAP = "  "
_NAME_WIDTH = 24


def metrics_table(experiments: Sequence[Experiment], width: int) -> str:
    """What experiments differ in and what came of it; the best of each metric is starred.

    Args:
        experiments: What DVC tells of them.
        width: Characters of a line; experiments for which it has no room come below the others.
    """
    params, metrics = param_columns(experiments), metric_columns(experiments)
    labels = ["", "state", *(column.label for column in (*params, *metrics))]
    columns = [
        [
            _short(experiment.name),
            _short(experiment.state or "done"),
            *(_short(column.cells[place][0]) for column in params),
            *(_starred(*column.cells[place]) for column in metrics),
        ]
        for place, experiment in enumerate(experiments)
    ]
    first = _filled(labels)
    blocks: list[list[list[str]]] = []
    for column in map(_filled, columns):
        used = sum(len(_GAP) + len(other[0]) for other in (blocks[-1] if blocks else []))
        if not blocks or len(first[0]) + used + len(_GAP) + len(column[0]) > width:
            blocks.append([])
        blocks[-1].append(column)
    return "\n\n".join("\n".join(_lines(first, block)) for block in blocks)


def _lines(labels: Sequence[str], block: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows of some experiments, but for those that none of them has."""
    for label, *cells in zip(labels, *block, strict=True):
        if any(cell.strip() for cell in cells):
            yield _GAP.join([label, *cells]).rstrip()


def _short(text: str) -> str:
    """The text on one line, its end left out where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _NAME_WIDTH else f"{line[: _NAME_WIDTH - 3]}..."


def _starred(text: str, best: bool) -> str:
    return f"{text}*" if best else text


def _filled(cells: Sequence[str]) -> list[str]:
    width = max(map(len, cells))
    return [cell.ljust(width) for cell in cells]
