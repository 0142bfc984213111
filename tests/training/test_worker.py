"""``yue train --dry-run``."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path

import pytest
import torch

from tests.dataset.upstream import upstream_epoch
from tests.training.jobs import vary
from yue.checkpoints.checkpoint import Checkpoints
from yue.checkpoints.run_state import RunState
from yue.checkpoints.snapshot import Snapshot
from yue.dataset.token_files import TokenFiles
from yue.distributed import World
from yue.errors import TrainingError
from yue.training.engine import check_config, deepspeed_config
from yue.training.job import Job
from yue.training.run import dry_run
from yue.wording import counted


def test_a_rehearsal_says_what_would_run_and_leaves_nothing(
    setup: Job, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DS_ACCELERATOR", "")
    monkeypatch.delenv("DS_ACCELERATOR")
    setup = vary(setup, scratch=tmp_path / "scratch")
    setup.scratch.mkdir()
    text = "\n".join(dry_run(setup))
    assert os.environ["DS_ACCELERATOR"] == "cpu"  # or DeepSpeed would warn
    assert "6 steps of 4 x 256 tokens" in text
    assert "processes: 1 on cpu: localhost (1)" in text
    assert "-m deepspeed.launcher.launch" in text
    assert '"stage": 2' in text
    assert "starts at step 0" in text
    assert not any(setup.scratch.iterdir())
    assert not setup.checkpoints.exists()


def test_a_rehearsal_counts_the_rows_of_upstream(setup: Job, tokens_path: Path) -> None:
    train = dataclasses.replace(setup.recipe.train, packing="chop", max_steps=None, epochs=2.0)
    rows = len(upstream_epoch([TokenFiles.open(tokens_path / "train")], ["1"], train))
    text = dry_run(vary(setup, train=train))[0]
    steps = math.ceil(2 * rows / train.batch_size)
    assert text.startswith(f"train: {counted(steps, 'step')} of 4 x 256 tokens, {rows} rows an ")


def test_a_rehearsal_finds_what_a_run_would(setup: Job) -> None:
    train = dataclasses.replace(setup.recipe.train, context_length=512)
    with pytest.raises(TrainingError, match="256 tokens at most"):
        dry_run(vary(setup, train=train))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("stage", "offload"),
    [(0, "none"), (1, "optimizer"), (2, "optimizer"), (3, "optimizer"), (3, "all")],
)
def test_deepspeed_reads_every_configuration_as_it_is_meant(
    job: Job, stage: int, offload: str, dtype: str
) -> None:
    model = dataclasses.replace(job.recipe.model, dtype=dtype)
    config = deepspeed_config(
        vary(job, model=model, zero_stage=stage, offload=offload).recipe,
        device="cuda",
        micro_batches=4,
    )
    check_config(config)
    assert ("offload_param" in config["zero_optimization"]) == (offload == "all")


def test_a_configuration_that_deepspeed_refuses_is_told(job: Job) -> None:
    config = deepspeed_config(job.recipe, device="cpu", micro_batches=1)
    config["zero_optimization"]["stage"] = 7
    with pytest.raises(TrainingError, match="DeepSpeed"):
        check_config(config)


def test_the_state_of_a_checkpoint_outlives_json(tmp_path: Path, world: World) -> None:
    state = RunState(step=3, sums=[1.5, 2.0], validated=2, best_step=2, best_loss=1.25, stale=1)
    checkpoints = Checkpoints(tmp_path, world)
    checkpoints.save(Snapshot({"weight": torch.zeros(2)}), state)
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.state == state
