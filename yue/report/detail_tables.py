"""The tables of the page: samples beside songs, and tokens as the model sees them.

The table that says whether samples are like the songs: numbers by rows, models by columns.

The first tokens of one document, as the model sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from yue.dataset.token_files import TokenFiles
from yue.evaluation.sample_metrics import Measures, SampleMetrics
from yue.generation.sample_records import TRACKS
from yue.tokens.roles import Role
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import token_name

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


_SHOWN = 480
"""Tokens of a document that the page shows."""


@dataclass(frozen=True)
class Run:
    """Neighbouring tokens of one role (a track's codes one by one).

    Attributes:
        role: ``text``, ``special``, ``vocal``, ``instrumental`` or ``prompt``.
        text: What they say.
        first: Position of the first in the document.
        trained: Whether the loss counts them.
    """

    role: str
    text: str
    first: int
    trained: bool


@dataclass(frozen=True)
class DocumentView:
    """A document's beginning.

    Attributes:
        song_id: Which song.
        tokens: Length of the whole document.
        shown: How many of them the runs cover.
        runs: What is shown, in order.
    """

    song_id: str
    tokens: int
    shown: int
    runs: tuple[Run, ...]


def view_document(prefix: Path, tokenizer: Path, loss_on: frozenset[str]) -> DocumentView:
    """The first document of token files.

    Args:
        prefix: The token files.
        tokenizer: The SentencePiece model they were written with.
        loss_on: Names of the roles that the loss counts.

    Raises:
        TokenFileError: The files are missing or damaged.
    """
    files = TokenFiles.open(prefix)
    text = TextTokenizer(tokenizer)
    document = files.document(0)
    ids = document[:_SHOWN]
    roles = files.roles(document)[:_SHOWN]
    runs = []
    for role, group in groupby(range(len(ids)), key=lambda n: int(roles[n])):
        places = list(group)
        name = Role(role).name.lower()
        if role == Role.TEXT:
            said = text.decode(ids[places])
        else:
            said = " ".join(_short(int(ids[n])) for n in places)
        runs.append(Run(name, said, places[0], name in loss_on))
    return DocumentView(files.info.song_ids[0], len(document), len(ids), tuple(runs))


def _short(token: int) -> str:
    """A code as its number alone (``<xcodec/0/17>`` is 17); other ids by name."""
    name = token_name(token)
    return name.rsplit("/", 1)[-1].rstrip(">") if "/" in name else name
