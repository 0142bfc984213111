"""Scoring the songs of a split with both models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from yue.dataset.pieces import pieces_of
from yue.dataset.reader import TokenFiles
from yue.evaluation.document import DocumentScores, score_document
from yue.evaluation.scores import Scorer
from yue.evaluation.sections import section_kinds
from yue.evaluation.tally import Tally

if TYPE_CHECKING:
    from yue.lm.tuned import TunedModel
    from yue.tokens.text import TextTokenizer

_PLACES = 32
"""At most so many points of a curve over the length of a song."""


@dataclass(frozen=True)
class Tallies:
    """Sums of scores.

    Attributes:
        songs: By number of the document.
        positions: By place in the song, in tokens from its start.
        sections: By kind of section.
    """

    songs: Tally[int] = field(default_factory=Tally)
    positions: Tally[int] = field(default_factory=Tally)
    sections: Tally[str] = field(default_factory=Tally)


def evaluate(
    files: TokenFiles,
    model: TunedModel,
    tokenizer: TextTokenizer,
    *,
    context: int,
    songs: int,
    advance: Callable[[], None] = lambda: None,
) -> Tallies:
    """Score the first ``songs`` documents.

    Args:
        files: The songs.
        model: Both models.
        tokenizer: The one that they were written with.
        context: Longest piece that goes through the models at once.
        songs: How many.
        advance: Called after each song.
    """
    width = _width(int(files.document_lengths[:songs].max()))
    scorer = Scorer(model)
    tallies = Tallies()
    for document in range(songs):
        tokens = files.document(document)
        roles = files.roles(tokens)
        scored = score_document(scorer, tokens, roles, pieces_of(files, document, context))
        lengths = files.sequence_lengths(document)
        _add(tallies, document, scored, width, lengths, section_kinds(tokens, lengths, tokenizer))
        advance()
    return tallies


def _width(longest: int) -> int:
    """Tokens between two points of a curve: a power of two."""
    return 1 << max(0, (longest - 1) // _PLACES).bit_length()


def _add(
    tallies: Tallies,
    document: int,
    scored: DocumentScores,
    width: int,
    lengths: np.typing.NDArray[np.int32],
    kinds: list[str],
) -> None:
    positions, what = scored.positions, (scored.roles, scored.scores)
    tallies.songs.add([document], np.zeros_like(positions), *what)
    places = positions // width
    tallies.positions.add([width * n for n in range(int(places.max(initial=0)) + 1)], places, *what)
    tallies.sections.add(kinds, np.searchsorted(np.cumsum(lengths), positions, "right"), *what)
