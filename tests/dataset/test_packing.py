"""Best-fit packing: rows never overflow, songs that fit are never cut, equal input, equal rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yue.dataset.packing import pack
from yue.errors import TrainingError

Make = Any
SONGS = st.lists(
    st.tuples(
        st.integers(1, 20),
        st.lists(st.tuples(st.integers(0, 10), st.integers(1, 90)), min_size=1, max_size=5),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40)
@given(SONGS, st.integers(45, 400))
def test_every_song_that_fits_is_whole_and_every_other_is_there_in_full(
    make_files: Make, songs: list[Any], context: int
) -> None:
    files, documents = make_files(songs)
    packing = pack(files, context)
    pieces = [piece for row in range(packing.rows) for piece in packing.pieces(row)]
    for number, tokens in enumerate(documents):
        own = sorted((p for p in pieces if p.document == number), key=lambda p: p.body.start)
        assert [place for p in own for place in p.body] == list(range(len(tokens)))
        if len(tokens) <= context:
            assert len(own) == 1
    assert packing.tokens == sum(piece.tokens for piece in pieces)
    assert packing.tokens - sum(piece.repeated for piece in pieces) == files.tokens
    sizes = [sum(p.tokens for p in packing.pieces(row)) for row in range(packing.rows)]
    assert max(sizes) <= context


def test_packing_twice_gives_the_same_rows(make_files: Make) -> None:
    songs = [(5, [(3, 10 + n % 7)] * (1 + n % 3)) for n in range(40)]
    first, second = (pack(make_files(songs)[0], 200) for _ in range(2))
    assert first.members.tolist() == second.members.tolist()
    assert first.row_starts.tolist() == second.row_starts.tolist()


def test_a_file_without_tokens_cannot_be_packed(make_files: Make) -> None:
    files, _ = make_files([])
    with pytest.raises(TrainingError, match="no tokens to train on"):
        pack(files, 100)
