"""A run goes on with another number of processes and another ZeRO stage."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.jobs import vary
from tests.training.test_hosts import fleets, start
from tests.training.test_loop import changed, go, weights
from tests.training.together import STEPS
from yue.distributed import World
from yue.training.job import Job, JobFolder, write_job

FIRST, SECOND, LAST = STEPS
# Sums of floats in another order, over four steps at a rate that moves every weight.
LOSS, WEIGHT = {"float32": 1e-6, "bfloat16": 1e-3}, {"float32": 1e-4, "bfloat16": 1e-2}


@pytest.fixture
def job(job: Job) -> Job:
    """Without dropout, whose draws go by process."""
    small = {"batch_size": 4, "micro_batch_size": 1, "max_steps": LAST, "logging_steps": 1}
    lora = dataclasses.replace(job.recipe.lora, dropout=0.0, lr_ratio=4.0)
    return vary(changed(job, **small, save_steps=99, eval_steps=99), lora=lora)


@pytest.mark.long
def test_one_process_two_and_one_again_end_as_one_alone(
    job: Job, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ZeRO 1, 2 and 3 in between and 0 in the end; a stop among the two changes no bit."""
    write_job(JobFolder(tmp_path), job)
    specs = ["resume-1-bfloat16", "resume-2-float32", "resume-3-float32"]
    whole = {}
    for dtype in ("float32", "bfloat16"):
        model = dataclasses.replace(job.recipe.model, dtype=dtype)
        one = vary(job, model=model, checkpoints=tmp_path / dtype)
        session, loop, _ = go(vary(one, checkpoints=tmp_path / "none"), world)
        whole[dtype] = (weights(session), loop.state)
        go(one, world, stop=FIRST)
    for spec in specs:
        for name in ("whole", "parts"):
            shutil.copytree(tmp_path / spec.split("-")[2], tmp_path / spec / name)
    start(fleets("no_ssh", monkeypatch), ["tests.training.together", str(tmp_path), *specs],
          tmp_path / "hosts")  # fmt: skip
    for spec in specs:
        whole_run, parts_run = (
            vary(job, checkpoints=tmp_path / spec / name).run_folder for name in ("whole", "parts")
        )
        (straight,) = whole_run.glob(f"step-*{SECOND}")
        names = sorted(path.name for path in straight.glob("*.safetensors"))
        assert names == ["exp_avg.safetensors", "exp_avg_sq.safetensors", "weights.safetensors"]
        for name in names:
            other = parts_run / straight.name / name
            assert (straight / name).read_bytes() == other.read_bytes(), (spec, name)
        dtype = spec.split("-")[2]
        back = vary(
            job,
            zero_stage=0,
            model=dataclasses.replace(job.recipe.model, dtype=dtype),
            checkpoints=tmp_path / spec / "whole",
        )
        session, loop, _ = go(back, world)
        assert loop.outcome(finished=True, peak_memory_bytes=1).resumed_from == SECOND
        expected, state = whole[dtype]
        losses = [p.values["loss"] for p in loop.state.points if "loss" in p.values]
        whole_losses = [p.values["loss"] for p in state.points if "loss" in p.values]
        gap = max(abs(a / b - 1) for a, b in zip(losses, whole_losses, strict=True))
        found = weights(session)
        apart = max(float((found[n] - w).abs().max() / w.abs().max()) for n, w in expected.items())
        print(f"{spec}: losses {gap:.1e}, weights {apart:.1e}")
        assert gap < LOSS[dtype], spec
        assert apart < WEIGHT[dtype], spec


@pytest.mark.parametrize("to", [0, pytest.param(3, marks=pytest.mark.long)])
def test_another_zero_stage_of_one_process_goes_on_to_the_same(
    job: Job, world: World, tmp_path: Path, to: int
) -> None:
    """But for the last bits of a gradient's norm; the output layer learns too."""
    lora = dataclasses.replace(job.recipe.lora, dropout=0.1, modules_to_save=("lm_head",))
    job = vary(changed(job, max_steps=2, batch_size=1), lora=lora)
    whole = vary(job, checkpoints=tmp_path / "whole")
    expected = weights(go(whole, world)[0])
    go(job, world, stop=1)
    found = weights(go(vary(job, zero_stage=to), world)[0])
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=1e-4, atol=1e-6)


def test_what_says_how_to_log_and_save_changes_no_bit(
    job: Job, world: World, tmp_path: Path
) -> None:
    """Nor does computing activations again; changed in the middle of a run."""
    whole = vary(changed(job, max_steps=4), checkpoints=tmp_path / "whole")
    expected = weights(go(whole, world)[0])
    job = changed(job, max_steps=4)
    go(job, world, stop=2)
    other = changed(job, logging_steps=5, save_steps=1, gradient_checkpointing="full")
    found = weights(go(other, world)[0])
    for name, weight in expected.items():
        assert torch.equal(found[name], weight), name


def test_a_checkpoint_is_of_whole_tensors_by_the_parameters_names(job: Job, world: World) -> None:
    session = go(changed(job, 3), world, stop=2)[0]
    (folder,) = job.run_folder.glob("step-*")
    found = load_file(folder / "weights.safetensors")
    assert found.keys() == weights(session).keys()
    assert all(torch.equal(found[name], weight) for name, weight in weights(session).items())
