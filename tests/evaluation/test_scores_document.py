"""Each token of a song is scored once, whatever the pieces."""

from __future__ import annotations

import numpy as np
import pytest

from yue.dataset.song_pieces import pieces_of
from yue.dataset.token_files import TokenFiles
from yue.errors import TrainingError
from yue.evaluation.scores import DocumentScores, Score, Scorer, score_document
from yue.lm.load import TunedModel
from yue.tokens.roles import Role, roles_of
from yue.tokens.vocabulary import codec_range


@pytest.fixture(scope="module")
def scorer(model: TunedModel) -> Scorer:
    return Scorer(model)


def score(scorer: Scorer, files: TokenFiles, document: int, context: int) -> DocumentScores:
    tokens = files.document(document)
    marker = files.info.reference_marker
    roles = roles_of(tokens, codec_range("melrvq"), reference_marker=marker)
    return score_document(scorer, tokens, roles, pieces_of(files, document, context))


def scored_positions(files: TokenFiles, document: int) -> np.ndarray:
    """All but the first token and control ids, which are 32000 and up without being codes."""
    tokens = files.document(document)
    codec = codec_range("melrvq")
    control = (tokens >= 32_000) & ((tokens < codec.offset) | (tokens >= codec.end))
    return np.flatnonzero(~control)[1:]


def test_a_song_that_fits_is_scored_whole(scorer: Scorer, files: TokenFiles) -> None:
    found = score(scorer, files, 0, 1024)
    assert np.array_equal(found.positions, scored_positions(files, 0))
    codes = found.roles[found.roles != Role.TEXT]
    assert np.array_equal(codes, np.tile([Role.VOCAL, Role.INSTRUMENTAL], 120))
    direct = scorer.score_row(
        files.document(0), np.array([0, len(files.document(0))]), found.positions
    )
    assert np.array_equal(found.scores, direct)


def test_a_song_cut_between_sections_is_scored_once(scorer: Scorer, files: TokenFiles) -> None:
    """Repeated headers are context: no token counts twice."""
    lengths = files.sequence_lengths(2)
    context = int(lengths[:2].sum()) + 5
    assert len(pieces_of(files, 2, context)) == 2
    found = score(scorer, files, 2, context)
    assert np.array_equal(found.positions, scored_positions(files, 2))
    whole = score(scorer, files, 2, 1024)
    first = found.positions < lengths[:2].sum()
    assert found.scores[first] == pytest.approx(whole.scores[first], abs=1e-5)
    assert not np.allclose(
        found.scores[~first, Score.BASE_LOSS], whole.scores[~first, Score.BASE_LOSS]
    )


def test_the_first_code_after_a_cut_within_a_section_is_not_scored(
    scorer: Scorer, files: TokenFiles
) -> None:
    lengths = files.sequence_lengths(2)
    context = int(lengths[0]) + 150
    pieces = pieces_of(files, 2, context)
    cuts = [piece.body.start for piece in pieces if piece.opening]
    assert cuts
    found = score(scorer, files, 2, context)
    expected = np.setdiff1d(scored_positions(files, 2), cuts)
    assert np.array_equal(found.positions, expected)


def test_a_context_without_room_for_the_header_is_an_error(files: TokenFiles) -> None:
    with pytest.raises(TrainingError, match="too short for song 'song 1'"):
        pieces_of(files, 1, 60)
