"""Upstream's chop: every token once, cut at multiples of the context and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from yue.dataset.chop import Chopping
from yue.dataset.packed_rows import PackedRows, targets
from yue.tokens.roles import Role, roles_of
from yue.tokens.vocabulary import codec_range

Make = Any
SONGS = st.lists(
    st.tuples(
        st.integers(1, 20),
        st.lists(st.tuples(st.integers(0, 10), st.integers(1, 60)), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=20)
@given(SONGS, st.integers(1, 400), st.integers(0, 2))
def test_rows_are_the_tokens_of_all_songs_chopped(
    make_files: Make, songs: list[Any], context: int, epoch: int
) -> None:
    files, documents = make_files(songs)
    rows = PackedRows(files, context, seed=5, packing=Chopping(context, files.starts))
    tokens = np.concatenate(documents)
    roles = np.concatenate([roles_of(d, codec_range("xcodec")) for d in documents])
    expected = {
        (tuple(tokens[at : at + context].tolist()), tuple(roles[at : at + context].tolist()))
        for at in range(0, len(tokens), context)
    }
    found = [rows.row(epoch, index) for index in range(rows.epoch_rows(epoch))]
    assert {(tuple(r.tokens.tolist()), tuple(r.roles.tolist())) for r in found} == expected
    assert sum(len(row.tokens) for row in found) == len(tokens) == rows.packing.tokens
    assert all(row.boundaries.tolist() == [0, len(row.tokens)] for row in found)
    assert rows.first_tokens(2 * len(found)) == 2 * len(tokens)


def test_a_code_is_learnt_from_the_song_before_it_in_the_row(make_files: Make) -> None:
    files, documents = make_files([(5, [(3, 10)]), (5, [(3, 10)])])
    chopping = Chopping(files.tokens, files.starts)
    rows = PackedRows(files, files.tokens, seed=0, packing=chopping)
    labels = targets(rows.row(0, 0), tuple(Role))
    assert labels[len(documents[0]) - 1] == documents[1][0]
