"""Score the songs of a split with both models, and average the scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from yue.dataset.song_pieces import pieces_of
from yue.dataset.token_files import TokenFiles
from yue.errors import TrainingError
from yue.evaluation.eval_metrics import Change, Evaluation, RoleMetrics, interval, round6
from yue.evaluation.loss_tables import ROLES, Sums, Tally, section_kinds
from yue.evaluation.scores import DocumentScores, Score, Scorer, score_document

if TYPE_CHECKING:
    from yue.lm.load import TunedModel
    from yue.tokens.text_tokenizer import TextTokenizer


_PLACES = 32  # points at most of a curve over the length of a song


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
    width = _place_width(int(files.document_lengths[:songs].max()))
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


def _place_width(longest: int) -> int:
    """Return how many tokens are between two points of a curve: a power of two."""
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


def summarise(songs: Tally[int], split: str, documents: int) -> Evaluation:
    """Average over all tokens from the sums of each song.

    Raises:
        TrainingError: A loss is not a finite number.
    """
    found = {role: list(songs.of(role).values()) for role in ROLES}
    by_song = {role: np.array(sums) for role, sums in found.items() if sums}
    for role, sums in by_song.items():
        _check_finite(role, sums)
    return Evaluation(
        base={
            role: _metrics(sums, Score.BASE_LOSS, Score.BASE_TOP1, Score.BASE_TOP5)
            for role, sums in by_song.items()
        },
        tuned={
            role: _metrics(sums, Score.TUNED_LOSS, Score.TUNED_TOP1, Score.TUNED_TOP5)
            for role, sums in by_song.items()
        },
        change={role: _change(sums) for role, sums in by_song.items()},
        kl_to_base={role: round6(_mean(sums, Score.KL)) for role, sums in by_song.items()},
        split=split,
        held_out=split != "train",
        songs=documents,
    )


def _check_finite(role: str, by_song: Sums) -> None:
    for model, column in (("base", Score.BASE_LOSS), ("tuned", Score.TUNED_LOSS)):
        loss = _mean(by_song, column)
        if not math.isfinite(loss):
            raise TrainingError(
                f"the {model} model's {role} loss is {loss}",
                why="its weights hold values that are not finite numbers",
                fix="lower train.lr and train again"
                if model == "tuned"
                else "check model.path, or use model.dtype: float32",
            )


def _metrics(by_song: Sums, loss: Score, top1: Score, top5: Score) -> RoleMetrics:
    nats = _mean(by_song, loss)
    return RoleMetrics(
        loss=round6(nats),
        perplexity=round6(math.exp(min(nats, 700.0))),
        top1=round6(_mean(by_song, top1)),
        top5=round6(_mean(by_song, top5)),
        tokens=int(by_song[:, Score.TOKENS].sum()),
        **_interval_ends(by_song[:, loss], by_song),
    )


def _change(by_song: Sums) -> Change:
    tokens = by_song[:, Score.TOKENS]
    differences = by_song[:, Score.TUNED_LOSS] - by_song[:, Score.BASE_LOSS]
    return Change(round6(differences.sum() / tokens.sum()), **_interval_ends(differences, by_song))


def _interval_ends(sums: Sums, by_song: Sums) -> dict[str, float]:
    """Return the interval of a mean over tokens, by its ends; {} for one song."""
    found = interval(sums, by_song[:, Score.TOKENS])
    return {} if found is None else {"low": round6(found[0]), "high": round6(found[1])}


def _mean(by_song: Sums, column: Score) -> float:
    """Return the mean over all tokens of the songs; ``by_song`` is (songs, 8)."""
    return float(by_song[:, column].sum() / by_song[:, Score.TOKENS].sum())
