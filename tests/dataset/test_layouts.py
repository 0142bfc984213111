"""Rows of every layout: a header is repeated where there is one, codebooks keep their places."""

from __future__ import annotations

import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.tokens.corpus import Corpus, train_tokenizer
from yue.dataset.packed_rows import IGNORED, PackedRows, targets
from yue.dataset.song_pieces import split_document
from yue.dataset.token_files import TokenFiles
from yue.errors import TrainingError
from yue.tokens.layouts.table import LAYOUTS
from yue.tokens.options import Options
from yue.tokens.roles import CODEBOOKS, PREDICTED, Role, codebooks_of
from yue.tokens.vocabulary import codec_range
from yue.tokens.write_files import write_token_files

CONTEXT = 700


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def write(tmp_path: Path, model: Path, codec: str, options: Options) -> TokenFiles:
    (tmp_path / "corpus").mkdir()
    corpus = Corpus(tmp_path / "corpus")
    for number in range(3):
        corpus.row(f"{number}", frames=640, books=8, mixture=True)
    write_token_files(
        corpus.jsonl,
        corpus.root,
        model,
        codec_range(codec),
        output_prefix=tmp_path / "x",
        options=options,
    )
    return TokenFiles.open(tmp_path / "x")


@pytest.mark.parametrize("layout", ["cot", "icl", "interleave", "mix"])
@pytest.mark.parametrize(("codec", "books"), [("xcodec", 1), ("xcodec", 3), ("dac16k", 4)])
def test_every_token_is_learnt_once_and_keeps_its_codebook(
    tmp_path: Path,
    small_model: Path,
    layout: str,
    codec: str,
    books: int,
) -> None:
    options = Options(layout=layout, codebooks=books, prompt_seconds=0.5)
    files = write(tmp_path, small_model, codec, options)
    rows = PackedRows(files, 190 + 130 * books, seed=0)
    assert any(piece.cut for piece in rows.packing.split), "sections are longer than the context"
    found: list[int] = []
    for index in range(rows.epoch_rows(0)):
        row = rows.row(0, index)
        labels = targets(row, PREDICTED)
        found += labels[labels != IGNORED].tolist()
        for start, stop in pairwise(row.boundaries.tolist()):
            check_places(row.tokens[start:stop], row.roles[start:stop], files, layout)
    inside = sum(piece.opening != range(0) for piece in rows.packing.split)
    expected: list[int] = []
    for number in range(files.documents):
        tokens = files.document(number)
        roles = files.roles(tokens)
        expected += tokens[np.isin(roles, PREDICTED)].tolist()
    assert len(found) == len(expected) - inside, "the first code after a cut continues nothing"
    assert set(found) <= set(expected)


def check_places(tokens: np.ndarray, roles: np.ndarray, files: TokenFiles, layout: str) -> None:
    """In a piece, codes still take turns as in the whole document."""
    shape = files.info.shape(tokens)
    alone = shape.roles(tokens)
    assert np.all((roles == alone) | (roles == Role.CONTEXT))
    codes = np.isin(alone, PREDICTED)
    books = codebooks_of(tokens[codes], shape.codec)
    if layout == "mix":
        assert np.array_equal(alone[codes], np.array(CODEBOOKS)[books])
        return
    vocal = tokens[alone == Role.VOCAL]
    turns = np.arange(len(vocal)) % shape.codec.codebooks
    assert np.array_equal(codebooks_of(vocal, shape.codec), turns)


def test_icl_repeats_its_reference_audio(tmp_path: Path, small_model: Path) -> None:
    files = write(tmp_path, small_model, "xcodec", Options(layout="icl", prompt_seconds=1.0))
    pieces = split_document(files, 0, CONTEXT)
    roles = files.roles(files.document(0))
    assert len(pieces) > 1
    for piece in pieces:
        assert (piece.take(roles) == Role.PROMPT).sum() == 100


def test_layouts_without_a_header_repeat_none(
    tmp_path: Path,
    small_model: Path,
) -> None:
    files = write(tmp_path, small_model, "xcodec", Options(layout="interleave"))
    pieces = split_document(files, 0, CONTEXT)
    assert all(piece.header == range(0) for piece in pieces)
    assert [p.body.stop for p in pieces][-1] == len(files.document(0))


@pytest.mark.parametrize("forced", [False, True])
def test_chunks_of_stage_2_are_whole_or_refused(
    tmp_path: Path,
    small_model: Path,
    forced: bool,
) -> None:
    options = Options(layout="stage2", teacher_forcing=forced)
    files = write(tmp_path, small_model, "xcodec", options)
    chunk = 2704 if forced else 2404
    assert files.sequence_lengths(0).tolist() == [chunk, chunk + 1]
    pieces = split_document(files, 0, chunk + 1)
    assert [piece.body for piece in pieces] == [range(chunk), range(chunk, 2 * chunk + 1)]
    assert not any(piece.repeated or piece.cut for piece in pieces)
    with pytest.raises(TrainingError) as error:
        split_document(files, 0, chunk - 1)
    assert f"this song needs {chunk} at the least" in error.value.fix
    assert f"its tokens 0 to {chunk - 1} are a section" in error.value.why


@pytest.mark.parametrize("layout", LAYOUTS)
def test_token_files_reopen_in_another_process(
    tmp_path: Path,
    small_model: Path,
    layout: str,
) -> None:
    files = write(tmp_path, small_model, "xcodec", Options(layout=layout))
    again = pickle.loads(pickle.dumps(files))
    tokens = files.document(1)
    assert np.array_equal(again.document(1), tokens)
    assert np.array_equal(again.roles(tokens), files.roles(tokens))
