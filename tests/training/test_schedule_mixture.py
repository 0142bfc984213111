"""Training on several datasets: each in its share, and to the same bits after a stop."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.jobs import vary
from tests.training.test_loop import changed, go, weights
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
    job: Job, world: World, tokens_path: Path
) -> None:
    session, _, _ = go(changed(job, packing="chop", batch_size=1, max_steps=1), world)
    files = TokenFiles.open(tokens_path / "train")
    tokens = np.concatenate([files.document(n) for n in range(files.documents)])
    rows = {tuple(tokens[at : at + 256].tolist()) for at in range(0, len(tokens), 256)}
    share = dataclasses.replace(session.share, micro_batch_size=1)
    read = [session.batches.step(share, step)[0] for step in range(len(rows))]
    assert {tuple(batch.tokens.tolist()) for batch in read} == rows
    assert all(batch.boundaries == (0, len(batch.tokens)) for batch in read)
