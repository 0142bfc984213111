"""Mixtures: exact counts, even spread, one to one, resumed anywhere."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yue.dataset.dataset_mix import MixedRows, Share, only, plan, spread
from yue.dataset.packed_rows import PackedRows, targets
from yue.recipe.model import Mix
from yue.tokens.roles import Role

Make = Any
LEARNT = (Role.VOCAL, Role.INSTRUMENTAL)
SIZES = {"songs": 11, "pop": 23, "rock": 4}  # songs of each dataset, none like another's
NUMBERS = st.fractions(min_value=Fraction(1, 8), max_value=3, max_denominator=8).map(
    lambda number: Fraction(round(number * 1000), 1000)
)
MIXES = st.builds(
    lambda numbers, by, temperature: a_mix(
        {name: str(float(n)) for name, n in zip(SIZES, numbers, strict=False)}, by, temperature
    ),
    st.lists(NUMBERS, min_size=1, max_size=3),
    st.sampled_from(["rounds", "weights", "temperature"]),
    st.sampled_from([1.0, 2.0, 5.0]),
)


def a_mix(numbers: dict[str, str], by: str = "rounds", temperature: float = 2.0) -> Mix:
    datasets = tuple(f"{name}={number}" for name, number in numbers.items())
    return Mix(datasets, by, temperature, "datasets")


@pytest.fixture(scope="module")
def rows(make_files: Make) -> dict[str, PackedRows]:
    return {
        name: PackedRows(
            make_files([(5 + n % 7, [(n % 5, 10 + (n * scale) % 37)] * (1 + n % 4))
                        for n in range(count)])[0],
            150, seed=3,
        )
        for scale, (name, count) in enumerate(SIZES.items(), 11)
    }  # fmt: skip


def key(row: Any) -> bytes:
    """What tells one row from all others: its codes are random."""
    return row.tokens.tobytes()


@settings(max_examples=30, deadline=None)
@given(MIXES)
def test_counts_are_exact_and_tokens_come_in_the_shares_asked_for(
    rows: dict[str, PackedRows], mix: Mix
) -> None:
    mixed = MixedRows(plan(rows, mix))
    assert sum(p.asked for p in mixed.portions) == pytest.approx(1)
    epoch = Counter(id(mixed.find(place)[0]) for place in range(mixed.epoch_rows))
    assert [epoch[id(p.rows)] for p in mixed.portions] == [p.draws for p in mixed.portions]
    total = sum(p.tokens for p in mixed.portions)
    for portion in mixed.portions:
        size = portion.rows.packing.rows
        if mix.by == "rounds":
            asked = Fraction(mix.datasets[list(SIZES).index(portion.name)].partition("=")[2])
            assert portion.draws == max(math.floor(asked * size + Fraction(1, 2)), 1)
        # Half a row of each dataset may be lacking, or a whole one where less than one was asked.
        slack = len(mixed.portions) / mixed.epoch_rows
        assert portion.tokens / total == pytest.approx(portion.asked, abs=slack)
    if mix.by != "rounds":
        everything = sum(rows[p.name].packing.rows for p in mixed.portions)
        assert abs(mixed.epoch_rows - everything) <= len(mixed.portions)


def test_what_is_asked_for_is_what_numbers_mean(rows: dict[str, PackedRows]) -> None:
    def asked(*arguments: Any) -> list[float]:
        return [portion.asked for portion in plan(rows, a_mix(*arguments))]

    tokens = [rows[name].packing.tokens for name in SIZES]
    assert asked({"songs": "3", "pop": "1"}, "weights") == [0.75, 0.25]
    doubled = [2 * tokens[0], tokens[1]]
    assert asked({"songs": "2", "pop": "1"}) == pytest.approx(np.array(doubled) / sum(doubled))
    ones = dict.fromkeys(SIZES, "1")
    roots = np.sqrt(tokens)
    assert asked(ones, "temperature", 2.0) == pytest.approx(roots / roots.sum())
    by_size = plan(rows, a_mix(ones, "temperature", 1.0))
    assert [p.draws for p in by_size] == [p.rows.packing.rows for p in by_size]


@settings(max_examples=20, deadline=None)
@given(MIXES, st.integers(0, 40))
def test_no_row_of_a_dataset_comes_again_before_all_have_come(
    rows: dict[str, PackedRows], mix: Mix, start: int
) -> None:
    mixed = MixedRows(plan(rows, mix))
    seen: dict[str, Counter[tuple[int, ...]]] = {p.name: Counter() for p in mixed.portions}
    names = {id(p.rows): p.name for p in mixed.portions}
    for place in range(2 * mixed.epoch_rows + start):
        own, epoch, index = mixed.find(place)
        pieces = own.pieces(epoch, index)
        count = seen[names[id(own)]]
        count[tuple((p.document, p.body.start) for p in pieces)] += 1
        assert max(count.values()) - min(count.values()) <= 1
        times = sum(count.values()) / own.packing.rows
        assert max(count.values()) == math.ceil(times)
    for own in mixed.portions:
        assert len(seen[own.name]) <= own.rows.packing.rows


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_every_stretch_of_an_epoch_has_the_shares_of_the_whole(counts: list[int]) -> None:
    sources, draws = spread(counts)
    assert len(sources) == sum(counts)
    for number, count in enumerate(counts):
        places = np.flatnonzero(sources == number)
        assert draws[places].tolist() == list(range(count))
        due = (np.arange(1, len(sources) + 1) * count) / len(sources)
        have = np.cumsum(sources == number)
        assert np.abs(have - due).max() <= len(counts) / 2


@settings(max_examples=20, deadline=None)
@given(MIXES, st.integers(0, 200))
def test_what_was_taken_is_known_to_the_token(
    rows: dict[str, PackedRows], mix: Mix, count: int
) -> None:
    mixed = MixedRows(plan(rows, mix))
    expected = {p.name: [0, 0] for p in mixed.portions}
    names = {id(p.rows): p.name for p in mixed.portions}
    for place in range(count):
        own, epoch, index = mixed.find(place)
        expected[names[id(own)]][0] += 1
        expected[names[id(own)]][1] += sum(p.tokens for p in own.pieces(epoch, index))
    found = {taken.name: [taken.rows, taken.tokens] for taken in mixed.taken(count)}
    assert found == expected


def test_one_dataset_alone_is_its_own_rows(rows: dict[str, PackedRows]) -> None:
    own = rows["songs"]
    count = own.packing.rows
    for mixed in (only("songs", own), MixedRows(plan(rows, a_mix({"songs": "1"})))):
        found = [key(mixed.read([place])) for place in range(2 * count)]
        assert found == [key(own.row(*divmod(place, count))) for place in range(2 * count)]


def test_a_place_before_the_first_is_an_index_error(rows: dict[str, PackedRows]) -> None:
    with pytest.raises(IndexError):
        only("songs", rows["songs"]).find(-1)


@settings(max_examples=25, deadline=None)
@given(MIXES, st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(0, 5))
def test_ranks_share_the_stream_and_resume_from_one_number(
    rows: dict[str, PackedRows], mix: Mix, size: int, each: int, micro: int, stop: int
) -> None:
    mixed = MixedRows(plan(rows, mix))
    end = 6 * size * each

    def read(size: int, step: int) -> list[int]:
        shares = [Share(rank, size, end // 6, micro) for rank in range(size)]
        parts = [mixed.read(places) for share in shares for places in share.places(step)]
        return [token for part in parts for token in part.tokens.tolist()]

    expected = [mixed.read([place]).tokens.tolist() for place in range(end)]
    # Going on with one process instead of several reads the same.
    steps = [read(size if step < stop else 1, step) for step in range(6)]
    rows_of = np.split(np.arange(end), 6)
    assert steps == [[token for row in own for token in expected[row]] for own in rows_of]


def test_a_batch_has_boundaries_and_labels_of_its_rows(rows: dict[str, PackedRows]) -> None:
    mixed = MixedRows(plan(rows, a_mix(dict.fromkeys(SIZES, "1"))))
    batch = mixed.read([0, 1, 2, 3])
    parts = [mixed.read([place]) for place in range(4)]
    assert batch.tokens.tolist() == [t for row in parts for t in row.tokens.tolist()]
    assert batch.roles.tolist() == [role for row in parts for role in row.roles.tolist()]
    labels = [label for row in parts for label in targets(row, LEARNT).tolist()]
    assert targets(batch, LEARNT).tolist() == labels
    lengths = [n for row in parts for n in np.diff(row.boundaries).tolist()]
    assert batch.boundaries.tolist() == [0, *np.cumsum(lengths).tolist()]


def test_a_batch_is_one_call_for_each_dataset_in_it(
    rows: dict[str, PackedRows], monkeypatch: pytest.MonkeyPatch
) -> None:
    import yue.dataset.token_files

    mixed = MixedRows(plan(rows, a_mix({"songs": "1", "pop": "1"})))
    calls = []
    gather = yue.dataset.token_files.gather
    monkeypatch.setattr(
        yue.dataset.token_files, "gather", lambda *a, **k: (calls.append(a), gather(*a, **k))
    )
    only("songs", rows["songs"]).read(range(8))
    assert len(calls) == 1
    calls.clear()
    mixed.read(range(8))
    assert len(calls) == 2
