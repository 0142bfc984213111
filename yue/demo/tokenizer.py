"""The demo's text tokenizer: SentencePiece BPE with the settings of YuE's, on the demo's texts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import sentencepiece

from yue.demo.corpus import FINE_TUNING, PRETRAINING, compose_songs, line_contents
from yue.files import atomic_file
from yue.tokens.layouts.cot import END_OF_SEGMENT, START_OF_SEGMENT, head_text
from yue.tokens.roles import REFERENCE_MARKER

_PIECES = 1000  # at most; bytes stand for what no piece covers


def train_tokenizer(path: Path, seed: int) -> int:
    """Train on the texts of both sets of songs, and return how many pieces the model has."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=_lines(seed),
        model_writer=model,
        model_type="bpe",
        vocab_size=_PIECES,
        hard_vocab_limit=False,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        add_dummy_prefix=True,
        remove_extra_whitespaces=False,
        num_threads=1,
        minloglevel=2,
    )
    with atomic_file(path) as stream:
        stream.write(model.getvalue())
    trained = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return int(trained.get_piece_size())


def _lines(seed: int) -> Iterator[str]:
    yield from (START_OF_SEGMENT, END_OF_SEGMENT, REFERENCE_MARKER)
    for songs in (PRETRAINING, FINE_TUNING):
        for score in compose_songs(songs, seed):
            yield from head_text(score.genres, line_contents(score)).splitlines()
