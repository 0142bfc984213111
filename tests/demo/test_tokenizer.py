from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.demo.corpus import DemoSong, line_contents
from yue.demo.tokenizer import train_tokenizer
from yue.tokens.layouts.cot import head_text
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import TEXT_SIZE


@pytest.fixture(scope="module")
def tokenizer(tokenizer_path: Path) -> TextTokenizer:
    return TextTokenizer(tokenizer_path)


def test_a_songs_text_comes_back_and_is_short(
    tokenizer: TextTokenizer, songs: list[DemoSong]
) -> None:
    for song in songs:
        text = head_text(song.score.genres, line_contents(song.score))
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert ids.max() < TEXT_SIZE
        assert len(ids) < len(text) / 3


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_comes_back_by_bytes_where_no_piece_covers_it(
    tokenizer: TextTokenizer, text: str
) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text.replace("\u2581", " ")


def test_equal_seeds_train_equal_tokenizers(tokenizer_path: Path, tmp_path: Path) -> None:
    pieces = train_tokenizer(tmp_path / "again.model", seed=0)
    assert (tmp_path / "again.model").read_bytes() == tokenizer_path.read_bytes()
    assert 300 < pieces <= 1000
