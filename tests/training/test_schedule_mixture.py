"""Training on several datasets: each in its share, and to the same bits after a stop."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch

from tests.dataset.upstream import upstream_epoch
from tests.training.jobs import vary
from tests.training.test_loop import changed, go, weights
from yue.dataset.dataset_mix import Share
from yue.dataset.token_files import TokenFiles
from yue.distributed import World
from yue.training.job import Job


@pytest.fixture
def mixed(job: Job, tokens_path: Path, tmp_path: Path) -> Job:
    """The songs' eight rows once an epoch, and twice the two of another dataset."""
    folder = tmp_path / "datasets" / "more"
    folder.mkdir(parents=True)
    for suffix in ("bin", "idx", "json"):
        shutil.copy(tokens_path / f"valid.{suffix}", folder / f"train.{suffix}")
    mix = dataclasses.replace(
        job.recipe.mix, datasets=("songs=1", "more=2"), folder=str(tmp_path / "datasets")
    )
    return vary(changed(job, batch_size=3, micro_batch_size=2), mix=mix)


def test_a_run_on_a_mixture_that_was_stopped_within_an_epoch_ends_in_the_same_bits(
    mixed: Job, world: World, tmp_path: Path
) -> None:
    whole = vary(mixed, checkpoints=tmp_path / "whole")
    session, loop, _ = go(whole, world)
    outcome = loop.outcome(finished=True, peak_memory_bytes=1)
    go(mixed, world, stop=3)  # 9 of 12 rows
    resumed, again, _ = go(mixed, world)
    expected, found = weights(session), weights(resumed)
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())
    tokens = again.outcome(finished=True, peak_memory_bytes=1).dataset_tokens
    assert tokens == outcome.dataset_tokens
    assert sum(tokens.values()) == outcome.tokens_seen


def test_every_dataset_s_songs_are_read_as_often_as_asked(mixed: Job, world: World) -> None:
    session, _, _ = go(changed(mixed, max_steps=4), world)
    songs = [
        song
        for step in range(4)
        for batch in session.batches.step(
            dataclasses.replace(session.share, micro_batch_size=1), step
        )
        for song in batch.songs
    ]
    assert sorted(songs) == sorted(
        [
            *(f"train{n}" for n in range(8)),
            *(f"valid{n}" for n in range(2)),
            *(f"valid{n}" for n in range(2)),
        ]
    )


def test_rows_are_cut_as_upstream_does_where_the_recipe_says_so(
    mixed: Job, world: World, tokens_path: Path
) -> None:
    """The rows and the order of YuE's scripts, from whatever rank."""
    session, _, _ = go(changed(mixed, packing="chop", batch_size=2, max_steps=1), world)
    files = [TokenFiles.open(tokens_path / name) for name in ("train", "valid")]
    expected = upstream_epoch(files, ("1", "2"), session.job.recipe.train)
    read = []
    for step in range(len(expected)):
        for rank in range(2):
            share = Share(rank, 2, batch_size=2, micro_batch_size=1)
            (batch,) = session.batches.step(share, step)
            assert batch.boundaries == (0, len(batch.tokens)) == (0, 256)
            read.append(batch.tokens.tolist())
    assert read == [row[:-1] for row in expected] * 2
    indices = mixed.checkpoints.parent / "indices"
    assert len(list(indices.iterdir())) == 2, "the indices are kept in the side store"


def test_a_chopped_run_that_was_stopped_ends_in_the_same_bits(
    mixed: Job, world: World, tmp_path: Path
) -> None:
    job = changed(mixed, packing="chop", batch_size=2, max_steps=4)
    whole = vary(job, checkpoints=tmp_path / "store" / "whole")
    expected = weights(go(whole, world)[0])
    go(job, world, stop=3)
    session, loop, _ = go(job, world)
    found = weights(session)
    outcome = loop.outcome(finished=True, peak_memory_bytes=1)
    assert outcome.resumed_from == 3
    assert outcome.tokens_seen == 4 * 2 * 256 == sum(outcome.dataset_tokens.values())
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())
