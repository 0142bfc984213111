"""The first tokens of one document, as the model sees them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from yue.dataset.reader import TokenFiles
from yue.tokens.roles import Role
from yue.tokens.text import TextTokenizer
from yue.tokens.vocabulary import token_name

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
