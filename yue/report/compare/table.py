"""Experiments side by side on a terminal: a column each, the state first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from yue.report.compare.columns import metric_columns, param_columns
from yue.report.compare.experiments import Experiment

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
