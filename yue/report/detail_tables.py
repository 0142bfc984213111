"""Tables of the page: samples beside songs, and the first tokens of a document."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from yue.dataset.token_files import TokenFiles
from yue.evaluation.sample_metrics import DISPLAYS, Display, Measures, SampleMetrics
from yue.generation.sample_records import TRACKS
from yue.tokens.roles import Role
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import token_name

_COLOUR = {"tuned": "good", "base": "bad"}


@dataclass(frozen=True)
class Cell:
    """A number as text ("" where there is none), its interval, and the CSS class of its colour."""

    text: str = ""
    interval: str = ""
    style: str = ""


@dataclass(frozen=True)
class LikenessRow:
    """One number of all models."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Likeness:
    """The table that compares samples with songs, of one track; the columns are ``models``."""

    track: str
    models: tuple[str, ...]
    rows: tuple[LikenessRow, ...]


def likeness(metrics: SampleMetrics) -> list[Likeness]:
    """Make the tables of those tracks that were measured."""
    found = []
    closer = metrics.closer
    for track in TRACKS:
        models = {name: tracks[track] for name, tracks in metrics.models.items() if track in tracks}
        rows = []
        for name, display in DISPLAYS.items():
            style = _COLOUR.get(closer.get((track, name), ""), "")
            cells = tuple(
                _cell(measures, name, display, style if model == "tuned" else "")
                for model, measures in models.items()
            )
            if any(cell.text for cell in cells):
                rows.append(LikenessRow(display.label, cells))
        if rows:
            found.append(Likeness(track, tuple(models), tuple(rows)))
    return found


def _cell(measures: Measures, name: str, display: Display, style: str) -> Cell:
    def text(value: float) -> str:
        return display.form.format(display.factor * value)

    value = getattr(measures, name)
    if value is None:
        return Cell()
    ends = measures.intervals.get(name)
    return Cell(text(value), f"[{', '.join(map(text, ends))}]" if ends else "", style)


_SHOWN = 480  # tokens of a document that the page shows


@dataclass(frozen=True)
class TokenRun:
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
    runs: tuple[TokenRun, ...]


def view_document(prefix: Path, tokenizer: Path, loss_on: frozenset[str]) -> DocumentView:
    """Read the beginning of the first document of token files.

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
            said = " ".join(_token_text(int(ids[n])) for n in places)
        runs.append(TokenRun(name, said, places[0], name in loss_on))
    return DocumentView(files.info.song_ids[0], len(document), len(ids), tuple(runs))


def _token_text(token: int) -> str:
    """Write a code as its number alone (``<xcodec/0/17>`` is 17), other ids by name."""
    name = token_name(token)
    return name.rsplit("/", 1)[-1].rstrip(">") if "/" in name else name
