"""A run in a DVC project that is killed again and again, and resumed by plain ``dvc repro``."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML

from tests.training.conftest import DEFAULTS, a_train
from yue.checkpoints.checkpoint import Checkpoints
from yue.checkpoints.run_state import RunState
from yue.distributed import World
from yue.paths import Paths
from yue.recipe.read import read_recipe
from yue.training.curves import open_curves
from yue.training.job import JobFolder, job_of_project
from yue.training.loop import Loop
from yue.training.lora import write_adapter
from yue.training.outcome import StopRequest
from yue.training.plan import plan_run
from yue.training.session import start_session

ROOT = Path(__file__).parents[2]
# Once everything at once; every way, and another signal: YUE_KILLS=10 python -m pytest ...
KILLS = int(os.environ.get("YUE_KILLS", "1"))
STOPS = (signal.SIGTERM, signal.SIGUSR1)[: 1 if KILLS == 1 else 2]
STEPS = 12 + 6 * KILLS


@pytest.fixture
def project(tmp_path: Path, base_path: Path, tokens_path: Path) -> Path:
    """The stage ``train`` of dvc.yaml, with its data made and the code left out of its deps."""
    root = tmp_path / "project"
    shutil.copytree(tokens_path, root / "work" / "tokens")
    shutil.copytree(base_path, root / "models" / "base")
    train = a_train(
        max_steps=STEPS, save_steps=2, eval_steps=5, logging_steps=1, keep="best", batch_size=2,
        micro_batch_size=1, lr=0.03,
    )  # fmt: skip
    recipe = dataclasses.replace(
        DEFAULTS,
        model=dataclasses.replace(DEFAULTS.model, path="models/base", dtype="float32"),
        lora=dataclasses.replace(DEFAULTS.lora, r=4, dropout=0.1),
        train=train,
        runtime=dataclasses.replace(DEFAULTS.runtime, device="cpu"),
    )
    yaml = YAML(typ="safe", pure=True)
    stage = yaml.load(ROOT / "dvc.yaml")["stages"]["train"]
    stage["deps"] = ["work/tokens", "models/base"]
    yaml.dump({"stages": {"train": stage}}, root / "dvc.yaml")
    yaml.dump(plain(dataclasses.asdict(recipe)), root / "params.yaml")
    (root / ".gitignore").write_text("/work/\n/models/\n/.yue/\n")
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(command, cwd=root, check=True, env=environment())
    return root


def plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def repro(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["dvc", "repro", "train"],
        cwd=root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def lines_until(process: subprocess.Popen[str], step: int) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        words = line.split()
        if words[:1] == ["step"] and int(words[1].split("/")[0]) >= step:
            return


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def one_of(process: subprocess.Popen[str], words: str) -> psutil.Process:
    """The youngest of the family with these words in its command line."""
    return [p for p in family(process) if words in " ".join(p.cmdline())][-1]


def kill(process: subprocess.Popen[str], kind: str) -> None:
    """Kill -9: everything, the worker alone, the stage alone, or DVC alone."""
    if kind == "all":
        for one in family(process):
            one.kill()
    elif kind == "dvc":
        process.kill()
    else:
        words = {"worker": "yue.training.worker", "stage": "yue train"}[kind]
        one_of(process, words).kill()


def change_what_decides_nothing(root: Path, number: int) -> None:
    """A run that was killed goes on whatever was changed of this."""
    yaml = YAML(typ="safe", pure=True)
    values = yaml.load(root / "params.yaml")
    values["train"]["save_steps"] = 2 + number % 2
    values["train"]["gradient_checkpointing"] = ("full", "none")[number % 2]
    yaml.dump(values, root / "params.yaml")


def uninterrupted(root: Path, world: World, folder: Path) -> tuple[Path, Path]:
    """The adapter and the curves of the project's run, trained in this process."""
    recipe, paths = read_recipe(root / "params.yaml"), Paths(root)
    planned = dataclasses.replace(
        job_of_project(recipe, paths), checkpoints=folder / "checkpoints", curves=folder / "curves"
    )
    found = JobFolder(folder)
    job = plan_run(planned).job
    session, state = start_session(job, world), RunState()
    curves = open_curves(job, found, state)
    loop = Loop(session, Checkpoints(job.run_folder, world), curves, StopRequest(), state)
    assert loop.run()
    curves.end()
    found.adapter.mkdir()
    write_adapter(session.objective.model, loop.weights(), found.adapter)
    return found.adapter, job.curves


@pytest.mark.long
def test_a_run_killed_at_random_steps_ends_in_the_same_bits(
    project: Path, world: World, tmp_path: Path
) -> None:
    """And leaves what dvc.yaml declares."""
    draws = random.Random(7)
    step, kinds = 2, ["all", "dvc", "worker", "stage"]
    for number in range(KILLS + len(STOPS)):
        left = KILLS + len(STOPS) - number
        step = min(step + draws.randint(2, max(2, (STEPS - step) // left)), STEPS - 2)
        process = repro(project)
        seen = list(lines_until(process, step))
        assert any("going on from step" in line for line in seen) == (number > 0), "".join(seen)
        if number < KILLS:
            kill(process, kinds[number % 4])
        else:
            one_of(process, "yue train").send_signal(STOPS[number - KILLS])
        rest = process.communicate(timeout=120)[0]
        assert process.returncode != 0, rest
        assert number < KILLS or "it is saved" in rest, rest
        assert not (project / "work" / "adapter").exists()
        change_what_decides_nothing(project, number)
    last = repro(project)
    text = last.communicate(timeout=300)[0]
    assert last.returncode == 0, text
    assert f": {STEPS} steps, " in text
    (tmp_path / "whole").mkdir()
    adapter, curves = uninterrupted(project, world, tmp_path / "whole")
    ours = project / "work" / "adapter"
    assert sorted(p.name for p in ours.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "run.json",
    ]
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (ours / name).read_bytes() == (adapter / name).read_bytes(), name
    for name in ("loss.tsv", "valid_loss.tsv"):
        found = project / "metrics" / "plots" / "train" / name
        assert found.read_bytes() == (curves / name).read_bytes(), name
    config = json.loads((ours / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "models/base"
    assert json.loads((project / "metrics" / "train.json").read_text())["steps"] == STEPS
    # A killed stage cannot clear its temporary folder.
    left = [p.name for p in (project / "work").iterdir() if not p.name.startswith(".train.")]
    assert sorted(left) == ["adapter", "tokens"]
    assert not any((project / ".yue" / "checkpoints").iterdir())
