"""Sums by group and role."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from yue.evaluation.loss_tables import ROLES, Tally
from yue.evaluation.scores import Score
from yue.tokens.roles import Role

token = st.tuples(
    st.integers(0, 2), st.sampled_from([Role.TEXT, Role.VOCAL, Role.INSTRUMENTAL]), st.floats(0, 9)
)
songs = st.lists(st.lists(token, max_size=8), max_size=4)


@given(songs)
def test_sums_are_those_of_one_loop_over_all_tokens(songs: list[list[tuple[int, Role, float]]]):
    names = ["a", "b", "a"]  # one group twice, as two verses are
    tally: Tally[str] = Tally()
    expected: dict[tuple[str, str], list[float]] = {}
    for song in songs:
        scores = np.zeros((len(song), len(Score)))
        scores[:, Score.TOKENS] = 1
        scores[:, Score.KL] = [value for _, _, value in song]
        index = np.array([place for place, _, _ in song], dtype=np.int64)
        roles = np.array([role for _, role, _ in song], dtype=np.uint8)
        tally.add(names, index, roles, scores)
        for place, role, value in song:
            for name, members in ROLES.items():
                if role in members:
                    expected.setdefault((name, names[place]), []).append(value)
    for role in ROLES:
        found = tally.of(role)
        assert set(found) == {group for name, group in expected if name == role}
        for group, sums in found.items():
            values = expected[role, group]
            assert sums[Score.TOKENS] == len(values)
            assert np.isclose(sums[Score.KL], sum(values))
