"""Best fit in C, held to plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native import reference
from yue.errors import NativeError
from yue.native.document_gather import best_fit


def rows_of(lengths: list[int], room: int) -> list[list[int]]:
    members, starts = best_fit(np.array(lengths, dtype=np.int64), room)
    return [part.tolist() for part in np.split(members, starts[1:-1])] if len(starts) > 1 else []


@settings(deadline=None)
@given(st.data(), st.sampled_from([1, 2, 63, 64, 65, 130]))
def test_it_is_its_twin(data: st.DataObject, room: int) -> None:
    lengths = data.draw(st.lists(st.integers(1, room), max_size=60))
    assert rows_of(lengths, room) == reference.best_fit(np.array(lengths, dtype=np.int64), room)


@pytest.mark.parametrize("room", [4095, 4096, 16_384, 300_000])
def test_it_is_its_twin_where_rooms_are_many(room: int) -> None:
    lengths = np.random.default_rng(room).integers(1, room + 1, 300)
    lengths[::3] = np.maximum(1, lengths[::3] // 200)
    assert rows_of(lengths.tolist(), room) == reference.best_fit(lengths, room)


def test_song_like_lengths_leave_little_room() -> None:
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(np.log(9500), 0.4, 3000), 3000, 16_384).astype(np.int64)
    rows = rows_of(lengths.tolist(), 16_384)
    assert sorted(piece for row in rows for piece in row) == list(range(3000))
    assert all(lengths[row].sum() <= 16_384 for row in rows)
    assert len(rows) < 1.25 * -(-int(lengths.sum()) // 16_384)


def test_nothing_makes_no_row() -> None:
    members, starts = best_fit(np.zeros(0, np.int64), 8)
    assert (members.tolist(), starts.tolist()) == ([], [0])


@pytest.mark.parametrize("length", [0, -1, 9, 2**40])
def test_a_piece_that_no_row_holds_is_named(length: int) -> None:
    with pytest.raises(NativeError, match=f"piece 1 of {length} tokens in rows of 8"):
        best_fit(np.array([3, length]), 8)


@pytest.mark.parametrize("room", [0, -1, 2**31])
def test_an_impossible_room_is_refused(room: int) -> None:
    with pytest.raises(NativeError):
        best_fit(np.array([1]), room)
