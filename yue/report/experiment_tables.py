"""Experiments side by side, what they differ in and their metrics: for the page and a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from yue.report.experiments import Experiment, differing_keys

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
class ExperimentColumn:
    """A column of the table.

    Attributes:
        label: Its head.
        cells: Text and whether it is the best, of each experiment.
    """

    label: str
    cells: tuple[tuple[str, bool], ...]


def param_columns(experiments: Sequence[Experiment]) -> list[ExperimentColumn]:
    """Make a column of each recipe key in which they differ."""
    return [
        ExperimentColumn(
            key,
            tuple((_value_text(experiment.params.get(key)), False) for experiment in experiments),
        )
        for key in differing_keys(experiments)
    ]


def metric_columns(experiments: Sequence[Experiment]) -> list[ExperimentColumn]:
    """Make a column of each metric that any of them has, with the best marked."""
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
        columns.append(ExperimentColumn(label, cells))
    return columns


def _value_text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "not set" if value is None else str(value)


_GAP = "  "
_NAME_WIDTH = 24


def metrics_table(experiments: Sequence[Experiment], width: int) -> str:
    """Write what experiments differ in and their metrics; the best of each metric is starred.

    Args:
        experiments: What DVC lists.
        width: Characters of a line; experiments for which it has no room come below the others.
    """
    params, metrics = param_columns(experiments), metric_columns(experiments)
    labels = ["", "state", *(column.label for column in (*params, *metrics))]
    columns = [
        [
            _shorten_text(experiment.name),
            _shorten_text(experiment.state or "done"),
            *(_shorten_text(column.cells[place][0]) for column in params),
            *(text + "*" * best for column in metrics for text, best in [column.cells[place]]),
        ]
        for place, experiment in enumerate(experiments)
    ]
    first = _pad_cells(labels)
    blocks: list[list[list[str]]] = []
    for column in map(_pad_cells, columns):
        used = sum(len(_GAP) + len(other[0]) for other in (blocks[-1] if blocks else []))
        if not blocks or len(first[0]) + used + len(_GAP) + len(column[0]) > width:
            blocks.append([])
        blocks[-1].append(column)
    return "\n\n".join("\n".join(_lines(first, block)) for block in blocks)


def _lines(labels: Sequence[str], block: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows of some experiments, but for those that none of them has."""
    for label, *cells in zip(labels, *block, strict=True):
        if any(cell.strip() for cell in cells):
            yield _GAP.join([label, *cells]).rstrip()


def _shorten_text(text: str) -> str:
    """Put a text on one line, its end left out where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _NAME_WIDTH else f"{line[: _NAME_WIDTH - 3]}..."


def _pad_cells(cells: Sequence[str]) -> list[str]:
    width = max(map(len, cells))
    return [cell.ljust(width) for cell in cells]
