"""Best-fit packing: rows never overflow, songs that fit are never cut, equal input, equal rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yue.dataset.packing import best_fit, pack
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


def plain_best_fit(lengths: list[int], context: int) -> list[list[int]]:
    """The same by looking at every row for every piece; of equal rooms, the row used last."""
    rows: list[list[int]] = []
    rooms: list[int] = []
    used: list[int] = []
    for time, piece in enumerate(sorted(range(len(lengths)), key=lambda p: (-lengths[p], p))):
        fitting = [row for row, room in enumerate(rooms) if room >= lengths[piece]]
        if fitting:
            row = min(fitting, key=lambda row: (rooms[row], -used[row]))
        else:
            row = len(rows)
            rows.append([])
            rooms.append(context)
            used.append(0)
        rows[row].append(piece)
        rooms[row] -= lengths[piece]
        used[row] = time
    return rows


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(50, 90))
def test_rows_are_those_of_a_plain_search(lengths: list[int], context: int) -> None:
    rows = best_fit(np.array(lengths, dtype=np.int64), context)
    assert rows == plain_best_fit(lengths, context)
    assert sorted(piece for row in rows for piece in row) == list(range(len(lengths)))
    assert all(sum(lengths[piece] for piece in row) <= context for row in rows)


@settings(deadline=None, max_examples=40)
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
    assert packing.repeated == sum(piece.repeated for piece in pieces)
    assert packing.tokens - packing.repeated == files.tokens
    sizes = [sum(p.tokens for p in packing.pieces(row)) for row in range(packing.rows)]
    assert max(sizes) <= context
    assert packing.padding_share == pytest.approx(1 - np.mean(sizes) / context)
    cut = {piece.document for piece in pieces if piece.cut}
    assert set(packing.cut_songs) == cut


def test_song_like_lengths_leave_little_room() -> None:
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(np.log(9500), 0.4, 3000), 3000, 16_384).astype(np.int64)
    rows = best_fit(lengths, 16_384)
    floor = -(-int(lengths.sum()) // 16_384)
    assert len(rows) < 1.25 * floor


def test_packing_twice_gives_the_same_rows(make_files: Make) -> None:
    songs = [(5, [(3, 10 + n % 7)] * (1 + n % 3)) for n in range(40)]
    first, second = (pack(make_files(songs)[0], 200) for _ in range(2))
    assert first.members.tolist() == second.members.tolist()
    assert first.row_starts.tolist() == second.row_starts.tolist()


def test_a_file_without_tokens_cannot_be_packed(make_files: Make) -> None:
    files, _ = make_files([])
    with pytest.raises(TrainingError, match="no tokens to train on"):
        pack(files, 100)
