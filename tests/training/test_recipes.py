"""Every recipe of the repository trains, with its model and its rows shrunk."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch

from tests.training.test_loop import go, weights
from yue.recipe.read import read_recipe
from yue.training.job import Job
from yue.training.world import World

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_runs_a_few_steps(file: Path, job: Job, world: World) -> None:
    recipe = read_recipe(file)
    shrunk = dataclasses.replace(
        recipe.train, context_length=256, max_steps=3, eval_steps=2, save_steps=2, logging_steps=1
    )
    job = dataclasses.replace(
        job,
        model=recipe.model,
        lora=recipe.lora,
        train=shrunk,
        zero_stage=recipe.launch.zero_stage,
        offload=recipe.launch.offload,
    )
    session, loop, recorder = go(job, world)
    assert loop.state.step == 3
    losses = [p.values["loss"] for p in recorder.points if "loss" in p.values]
    assert len(losses) == 3
    assert all(math.isfinite(loss) for loss in losses)
    roles = {name for p in recorder.points for name in p.values if name.startswith("loss_")}
    assert roles >= {f"loss_{role}" for role in recipe.train.loss_on}
    learnt = [w for name, w in weights(session).items() if "lora_B" in name]
    assert all(w.isfinite().all() for w in learnt)
    assert any(torch.count_nonzero(w) for w in learnt)
