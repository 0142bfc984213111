"""Every recipe of the repository trains, with its model and its rows shrunk."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from pathlib import Path

import pytest
import torch

from tests.training.jobs import vary
from tests.training.test_loop import go, weights
from yue.distributed import World
from yue.recipe.read import read_recipe
from yue.training.job import Job

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_a_recipe_runs_a_few_steps(file: Path, job: Job, world: World) -> None:
    recipe = read_recipe(file)
    # The rows are songs of two tracks, whatever the recipe's layout.
    roles = [name for name in recipe.train.loss_on if not name.startswith("codebook_")]
    shrunk = dataclasses.replace(
        recipe.train,
        context_length=256,
        batch_size=min(recipe.train.batch_size, 4),
        micro_batch_size=1,
        loss_on=(*roles, "vocal") if "vocal" not in roles else tuple(roles),
        max_steps=3,
        eval_steps=2,
        save_steps=2,
        logging_steps=1,
    )
    four_bits = recipe.lora.qlora and importlib.util.find_spec("bitsandbytes") is not None
    job = vary(
        job,
        model=recipe.model,
        lora=dataclasses.replace(recipe.lora, qlora=four_bits),
        train=shrunk,
        zero_stage=recipe.launch.zero_stage,
        offload=recipe.launch.offload,
    )
    session, loop, recorder = go(job, world)
    assert loop.state.step == 3
    losses = [p.values["loss"] for p in recorder.points if "loss" in p.values]
    assert len(losses) == 3
    assert all(math.isfinite(loss) for loss in losses)
    logged = {name for p in recorder.points for name in p.values if name.startswith("loss_")}
    assert logged >= {f"loss_{role}" for role in shrunk.loss_on}
    learnt = [w for name, w in weights(session).items() if "lora_B" in name]
    assert all(w.isfinite().all() for w in learnt)
    assert any(torch.count_nonzero(w) for w in learnt)
