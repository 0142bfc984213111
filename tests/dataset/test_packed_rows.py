"""Rows: every token once an epoch, an order of its own each epoch, targets within pieces."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yue.dataset.packed_rows import IGNORED, PackedRow, PackedRows, targets
from yue.tokens.roles import Role, roles_of
from yue.tokens.vocabulary import codec_range

Make = Any
XCODEC = codec_range("xcodec")
SONGS = st.lists(
    st.tuples(
        st.integers(1, 20),
        st.lists(st.tuples(st.integers(0, 10), st.integers(1, 90)), min_size=1, max_size=5),
    ),
    min_size=1,
    max_size=10,
)
FIVE = [(5, [(3, 10 + n)] * 3) for n in range(12)]


def all_rows(rows: PackedRows, epoch: int) -> list[PackedRow]:
    return [rows.row(epoch, index) for index in range(rows.epoch_rows(epoch))]


def pieces_of(row: PackedRow) -> list[tuple[list[int], list[int]]]:
    """Tokens and roles of each piece."""
    spans = pairwise(row.boundaries.tolist())
    return [(row.tokens[a:b].tolist(), row.roles[a:b].tolist()) for a, b in spans]


@settings(max_examples=40)
@given(SONGS, st.integers(45, 400), st.integers(0, 3))
def test_every_token_is_there_once_an_epoch_apart_from_what_is_repeated(
    make_files: Make, songs: list[Any], context: int, epoch: int
) -> None:
    files, documents = make_files(songs)
    rows = PackedRows(files, context, seed=7)
    found: Counter[tuple[int, int]] = Counter()
    cuts = 0
    for row in all_rows(rows, epoch):
        assert row.boundaries[0] == 0
        assert row.boundaries[-1] == len(row.tokens) == len(row.roles) <= context
        assert np.all(np.diff(row.boundaries) > 0)
        for tokens, roles in pieces_of(row):
            fresh = [(t, r) for t, r in zip(tokens, roles, strict=True) if r != Role.CONTEXT]
            found.update(fresh)
            cuts += Role.CONTEXT in roles
    inside_cuts = sum(piece.opening != range(0) for piece in rows.packing.split)
    expected: Counter[tuple[int, int]] = Counter()
    for tokens in documents:
        expected.update(zip(tokens.tolist(), roles_of(tokens, XCODEC).tolist(), strict=True))
    # After a cut within a section, the first code counts as context too.
    assert not found - expected
    assert (expected - found).total() == inside_cuts
    assert cuts == sum(piece.repeated > 0 for piece in rows.packing.split)


@settings(max_examples=40)
@given(SONGS, st.integers(45, 400), st.sets(st.sampled_from(list(Role))))
def test_targets_are_the_next_token_of_the_same_piece(
    make_files: Make, songs: list[Any], context: int, loss_on: set[Role]
) -> None:
    rows = PackedRows(make_files(songs)[0], context, seed=1)
    for row in all_rows(rows, 0):
        expected = []
        for tokens, roles in pieces_of(row):
            for token, role in zip(tokens[1:], roles[1:], strict=True):
                learnt = role in loss_on and role != Role.CONTEXT
                expected.append(token if learnt else IGNORED)
            expected.append(IGNORED)
        labels = targets(row, loss_on)
        assert labels.dtype == np.int64
        assert labels.tolist() == expected


def test_lanes_keep_their_places_in_every_piece(make_files: Make) -> None:
    rows = PackedRows(make_files([(10, [(2, 400), (3, 33)])])[0], 120, seed=0)
    assert any(piece.cut for piece in rows.packing.split)
    for row in all_rows(rows, 0):
        for tokens, roles in pieces_of(row):
            alone = roles_of(np.array(tokens, dtype=np.int32), XCODEC).tolist()
            assert all(r in (a, Role.CONTEXT) for a, r in zip(alone, roles, strict=True))


def test_an_epoch_is_a_function_of_seed_and_epoch(make_files: Make) -> None:
    files, _ = make_files(FIVE)

    def order(seed: int, epoch: int) -> list[int]:
        rows = PackedRows(files, 100, seed=seed)
        return [int(rows.row(epoch, i).tokens.sum()) for i in range(rows.epoch_rows(epoch))]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
    assert sorted(order(1, 0)) == sorted(order(1, 1)) == sorted(order(2, 5))


def test_rows_are_read_in_any_order_and_resumed_anywhere(make_files: Make) -> None:
    files, _ = make_files(FIVE)
    straight = PackedRows(files, 100, seed=3)
    whole = [
        straight.row(e, i).tokens.tolist() for e in range(3) for i in range(straight.epoch_rows(e))
    ]
    resumed = PackedRows(files, 100, seed=3)
    places = [(e, i) for e in range(3) for i in range(resumed.epoch_rows(e))]
    backwards = [resumed.row(e, i).tokens.tolist() for e, i in reversed(places)]
    assert backwards[::-1] == whole


def test_the_order_of_rows_never_changes_between_versions() -> None:
    """Runs resume from (epoch, index), so the order is part of the format."""
    bits = np.random.MT19937(np.random.SeedSequence([1234, 2]))
    assert np.random.RandomState(bits).permutation(8).tolist() == [4, 2, 6, 0, 3, 5, 1, 7]


def test_roles_are_those_of_the_codec_of_the_files(make_files: Make) -> None:
    rows = PackedRows(make_files([(5, [(3, 10)])])[0], 100, seed=0)
    row = rows.row(0, 0)
    counts = {role: int((row.roles == role).sum()) for role in Role}
    assert counts[Role.VOCAL] == counts[Role.INSTRUMENTAL] == 10
    assert counts[Role.TEXT] == 5 + 1 + 3 + 1
    assert counts[Role.SPECIAL] == 4  # <SOA> <xcodec> <EOA> <EOD>


@pytest.mark.parametrize("index", [-100, 100])
def test_a_row_that_is_not_there_is_an_index_error(make_files: Make, index: int) -> None:
    with pytest.raises(IndexError):
        PackedRows(make_files(FIVE)[0], 100, seed=0).row(0, index)
