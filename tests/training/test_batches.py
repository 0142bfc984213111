"""Which rows each process reads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from yue.dataset.dataset_mix import Share, only
from yue.dataset.packed_rows import PackedRows, targets
from yue.dataset.token_files import TokenFiles
from yue.tokens.roles import Role
from yue.training.batches import Batches

LEARNT = (Role.VOCAL, Role.INSTRUMENTAL)


@pytest.fixture(scope="module")
def rows(tokens_path: Path) -> PackedRows:
    return PackedRows(TokenFiles.open(tokens_path / "train"), 256, seed=0)


@pytest.fixture(scope="module")
def batches(rows: PackedRows) -> Batches:
    return Batches(only("songs", rows), LEARNT, torch.device("cpu"))


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 9), st.integers(0, 1000))
def test_the_processes_share_the_rows_of_a_step_exactly(
    size: int, each: int, micro: int, step: int
) -> None:
    shares = [Share(rank, size, size * each, micro) for rank in range(size)]
    places = [place for share in shares for part in share.places(step) for place in part]
    assert places == list(range(step * size * each, (step + 1) * size * each))
    assert {len(share.places(step)) for share in shares} == {shares[0].micro_batches}
    assert all(len(part) <= micro for share in shares for part in share.places(step))


def test_a_micro_batch_is_its_rows_one_after_the_other(rows: PackedRows, batches: Batches) -> None:
    (batch,) = batches.step(Share(0, 1, 3, 8), 0)
    parts = [rows.row(0, index) for index in range(3)]
    assert batch.tokens.tolist() == [t for part in parts for t in part.tokens.tolist()]
    assert batch.targets.tolist() == [t for p in parts for t in targets(p, LEARNT).tolist()]
    lengths = [b - a for p in parts for a, b in zip(p.boundaries, p.boundaries[1:], strict=False)]
    assert batch.boundaries == (0, *torch.tensor(lengths).cumsum(0).tolist())


def test_labels_are_the_next_tokens_and_roles_are_theirs(batches: Batches) -> None:
    (batch,) = batches.step(Share(0, 1, 4, 4), 0)
    places = torch.nonzero(batch.targets != -100)[:, 0]
    assert torch.equal(batch.targets[places], batch.tokens[places + 1])
    assert not set(batch.boundaries[1:]) & set((places + 1).tolist())
    assert set(batch.roles.tolist()) == {Role.VOCAL, Role.INSTRUMENTAL}
    # The demo song's lanes: vocal codes step by 3, instrumental by 4.
    assert len(places) == len(batch.roles)


def test_the_stream_goes_on_into_the_next_epoch_in_another_order(
    rows: PackedRows, batches: Batches
) -> None:
    count = rows.epoch_rows(0)
    share = Share(0, 1, 1, 1)
    seen = [tuple(batches.step(share, step)[0].tokens.tolist()) for step in range(2 * count)]
    assert Counter(seen[:count]) == Counter(seen[count:])
    assert seen[:count] != seen[count:]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_one_pass_reads_every_row_once_and_keeps_processes_together(
    rows: PackedRows, batches: Batches, size: int
) -> None:
    shares = [list(batches.once(rank, size)) for rank in range(size)]
    assert len({len(share) for share in shares}) == 1
    learnt = sum(len(batch.roles) for share in shares for batch in share)
    whole = sum(
        int((targets(rows.row(0, i), LEARNT) != -100).sum()) for i in range(rows.epoch_rows(0))
    )
    assert learnt == whole


def test_a_batch_names_its_songs(batches: Batches) -> None:
    (batch,) = batches.step(Share(0, 1, 2, 2), 0)
    assert batch.songs
    assert all(song.startswith("train") for song in batch.songs)
