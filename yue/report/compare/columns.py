"""What experiments differ in, and their metrics, as columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yue.report.compare.experiments import Experiment, changed

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
