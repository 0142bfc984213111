"""``train.packing: chop``: the rows that YuE's own scripts draw, in Megatron's order."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dataset.conftest import song_document, write_documents
from tests.dataset.upstream import upstream_epoch
from yue.dataset.dataset_mix import MixedRows, Share, mix_rows
from yue.dataset.packed_rows import IGNORED, PackedRow, targets
from yue.dataset.token_files import TokenFiles
from yue.errors import TrainingError
from yue.recipe.model import Mix
from yue.recipe.read import default_recipe
from yue.tokens.roles import Role, roles_of
from yue.tokens.vocabulary import codec_range
from yue.training.schedule import run_plan

TRAIN = dataclasses.replace(
    default_recipe().train, packing="chop", context_length=64, batch_size=4, epochs=2.0, seed=1234
)
SONGS = st.lists(
    st.tuples(
        st.integers(1, 20),
        st.lists(st.tuples(st.integers(0, 10), st.integers(1, 60)), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=6,
)
ROUNDS = st.sampled_from(["0.5", "1", "1.5", "3"])
NAMES = ("songs", "pop", "rock")
Make = Any


def a_mix(*rounds: str, by: str = "rounds") -> Mix:
    named = zip(NAMES, rounds, strict=False)
    return Mix(tuple(f"{name}={number}" for name, number in named), by, 2.0, "")


def rows_of(row: PackedRow) -> list[list[int]]:
    """Rows as upstream has them: the input of each, and the last token that it predicts."""
    labels = targets(row, tuple(Role))
    assert labels.dtype == np.int64
    found = []
    for start, stop in pairwise(row.boundaries.tolist()):
        tokens = row.tokens[start:stop].tolist()
        assert labels[start : stop - 1].tolist() == tokens[1:]
        found.append([*tokens, int(labels[stop - 1])])
    return found


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(SONGS, ROUNDS), min_size=1, max_size=3), st.integers(1, 150))
def test_rows_are_those_of_upstream_in_its_order(
    make_files: Make, parts: list[tuple[Any, str]], context: int
) -> None:
    train = dataclasses.replace(TRAIN, context_length=context)
    files = [make_files(songs)[0] for songs, _ in parts]
    rounds = [number for _, number in parts]
    mixed = mix_rows(dict(zip(NAMES, files, strict=False)), a_mix(*rounds), train)
    expected = upstream_epoch(files, rounds, train)
    assert mixed.epoch_rows == len(expected)
    for place in range(2 * len(expected)):  # the next epoch is the same again
        assert rows_of(mixed.read([place])) == [expected[place % len(expected)]]


@pytest.fixture(scope="module")
def files(make_files: Make) -> list[TokenFiles]:
    def songs(count: int, scale: int) -> Any:
        return [(5 + n % 7, [(n % 5, 10 + n * scale % 37)] * (1 + n % 4)) for n in range(count)]

    return [make_files(songs(count, scale))[0] for count, scale in ((11, 11), (23, 12), (4, 13))]


@pytest.fixture(scope="module")
def mixed(files: list[TokenFiles]) -> MixedRows:
    return mix_rows(dict(zip(NAMES, files, strict=True)), a_mix("2", "0.5", "3"), TRAIN)


def test_two_ranks_read_what_one_does_and_go_on_where_they_stopped(
    files: list[TokenFiles], mixed: MixedRows
) -> None:
    expected = upstream_epoch(files, ("2", "0.5", "3"), TRAIN)

    def read(ranks: int, steps: range) -> list[list[int]]:
        shares = [Share(rank, ranks, batch_size=4, micro_batch_size=2) for rank in range(ranks)]
        places = [part for step in steps for share in shares for part in share.places(step)]
        return [row for part in places for row in rows_of(mixed.read(part))]

    assert read(1, range(6)) == read(2, range(6)) == read(4, range(6)) == expected[:24]
    assert read(2, range(3, 6)) == expected[12:24]


def test_roles_are_those_of_whole_documents(files: list[TokenFiles], mixed: MixedRows) -> None:
    known: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
    for file in files:
        documents = [file.document(number) for number in range(file.documents)]
        stream = np.concatenate(documents * 2)  # a row may run over the end
        roles = np.concatenate([roles_of(d, codec_range("xcodec")) for d in documents] * 2)
        for start in range(file.tokens):
            part = slice(start, start + 65)
            known.setdefault(tuple(stream[part].tolist()), set()).add(tuple(roles[part].tolist()))
    learned = (Role.VOCAL, Role.INSTRUMENTAL)
    for place in range(40):
        row = mixed.read([place])
        (tokens,) = rows_of(row)
        found = (*row.roles.tolist(), *row.next_roles.tolist())
        assert found in known[tuple(tokens)]
        assert row.target_roles.tolist() == list(found[1:])
        labels = targets(row, learned)
        assert (labels != IGNORED).tolist() == [role in learned for role in found[1:]]


def test_the_plan_says_the_numbers_of_a_run(mixed: MixedRows, files: list[TokenFiles]) -> None:
    plan = run_plan(mixed, TRAIN)
    assert plan.padding_share == 0
    assert plan.epoch_rows == len(upstream_epoch(files, ("2", "0.5", "3"), TRAIN))
    assert plan.steps == math.ceil(2 * plan.epoch_rows / 4)
    assert plan.tokens == plan.rows * 64 == plan.steps * 4 * 64
    assert plan.epoch_tokens == plan.epoch_rows * 64
    read = [mixed.find(place)[0] for place in range(plan.rows)]
    for part, portion, rounds in zip(plan.datasets, mixed.portions, (2, 0.5, 3), strict=True):
        own = sum(rows is portion.rows for rows in read)
        assert (part.run_rows, part.run_tokens) == (own, own * 64)
        assert part.rounds == pytest.approx(rounds, rel=0.1)
        assert part.run_share == pytest.approx(part.asked_share, abs=0.05)


def test_weights_and_temperature_are_the_shares_of_a_blend(files: list[TokenFiles]) -> None:
    datasets = dict(zip(NAMES, files, strict=True))
    for by, numbers in (("weights", ("3", "2", "1")), ("temperature", ("1", "1", "1"))):
        plan = run_plan(mix_rows(datasets, a_mix(*numbers, by=by), TRAIN), TRAIN)
        for part in plan.datasets:
            assert part.run_share == pytest.approx(part.asked_share, abs=0.05)
        assert plan.epoch_rows == pytest.approx(sum((f.tokens - 1) // 64 for f in files), rel=0.05)


def test_the_length_of_a_run_changes_no_row(files: list[TokenFiles]) -> None:
    datasets = dict(zip(NAMES, files, strict=True))
    longer = dataclasses.replace(TRAIN, epochs=9.0, batch_size=2)
    one, other = (mix_rows(datasets, a_mix("1", "1", "1"), train) for train in (TRAIN, longer))
    assert one.read(range(30)).tokens.tolist() == other.read(range(30)).tokens.tolist()


def test_indices_are_kept_and_read_again(files: list[TokenFiles], tmp_path: Path) -> None:
    datasets, mix = dict(zip(NAMES, files, strict=True)), a_mix("1", "2", "1")
    first = mix_rows(datasets, mix, TRAIN, tmp_path / "indices")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "indices").iterdir()}
    assert len(kept) == 3
    again = mix_rows(datasets, mix, TRAIN, tmp_path / "indices")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "indices").iterdir()} == kept
    assert first.read(range(20)).tokens.tolist() == again.read(range(20)).tokens.tolist()


def test_token_files_without_tokens_are_refused(tmp_path: Path) -> None:
    write_documents(tmp_path / "a", [])
    with pytest.raises(TrainingError, match="no tokens to train on"):
        mix_rows({"songs": TokenFiles.open(tmp_path / "a")}, a_mix("1"), TRAIN)


def test_songs_of_a_row_are_named(tmp_path: Path) -> None:
    write_documents(tmp_path / "a", [song_document((5, [(3, 10)]), n) for n in range(3)])
    files = TokenFiles.open(tmp_path / "a")
    train = dataclasses.replace(TRAIN, context_length=files.tokens - 1)
    mixed = mix_rows({"songs": files}, a_mix("1"), train)
    assert mixed.songs(0) == ("song 0", "song 1", "song 2")
