"""The table that says whether samples are like the songs: numbers by rows, models by columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from yue.evaluation.samples.record import Measures, SampleMetrics
from yue.generation.records import TRACKS

# (field of Measures, label, format, factor)
_ROWS = (
    ("entropy", "entropy of codes, bits", "{:.2f}", 1),
    ("divergence", "divergence of codes, bits", "{:.3f}", 1),
    ("pair_divergence", "divergence of pairs, bits", "{:.3f}", 1),
    ("repeated_share", "repeated half seconds, %", "{:.1f}", 100),
    ("match_seconds", "longest match with training, s", "{:.2f}", 1),
    ("silence_share", "silence, %", "{:.1f}", 100),
    ("loudness", "loudness, LUFS", "{:.1f}", 1),
    ("true_peak", "true peak", "{:.2f}", 1),
    ("clipped_share", "clipped, %", "{:.2f}", 100),
    ("spectrum_distance", "distance of spectra, dB", "{:.1f}", 1),
    ("mel_distance", "distance from the recording", "{:.3f}", 1),
)
_COLOUR = {"tuned": "good", "base": "bad"}


@dataclass(frozen=True)
class Cell:
    """A number as text ("" where there is none), its interval, and the CSS class of its colour."""

    text: str = ""
    interval: str = ""
    style: str = ""


@dataclass(frozen=True)
class Row:
    """One number of all models."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Likeness:
    """The table of one track; the columns are ``models``."""

    track: str
    models: tuple[str, ...]
    rows: tuple[Row, ...]


def likeness(metrics: SampleMetrics) -> list[Likeness]:
    """The tables of those tracks that were measured."""
    found = []
    closer = metrics.closer
    for track in TRACKS:
        models = {name: tracks[track] for name, tracks in metrics.models.items() if track in tracks}
        rows = []
        for field, label, form, factor in _ROWS:
            style = _COLOUR.get(closer.get((track, field), ""), "")
            cells = tuple(
                _cell(measures, field, partial(_text, form, factor), style * (name == "tuned"))
                for name, measures in models.items()
            )
            if any(cell.text for cell in cells):
                rows.append(Row(label, cells))
        if rows:
            found.append(Likeness(track, tuple(models), tuple(rows)))
    return found


def _cell(measures: Measures, field: str, text: Callable[[float], str], style: str) -> Cell:
    value = getattr(measures, field)
    if value is None:
        return Cell()
    ends = measures.intervals.get(field)
    return Cell(text(value), f"[{', '.join(map(text, ends))}]" if ends else "", style)


def _text(form: str, factor: float, value: float) -> str:
    return form.format(factor * value)
