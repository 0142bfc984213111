"""A run in a DVC project that is killed again and again, and resumed by plain ``dvc repro``."""

from __future__ import annotations

import dataclasses
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

ROOT = Path(__file__).parents[2]
STEPS = 40
# Each way once; ten kills: YUE_KILLS=10 python -m pytest tests/training/test_kills.py
KILLS = int(os.environ.get("YUE_KILLS", "1"))
STOPS = (signal.SIGTERM, signal.SIGUSR1)


@pytest.fixture
def project(tmp_path: Path, base_path: Path, tokens_path: Path) -> Path:
    """The stage ``train`` of dvc.yaml, with its data made and the code left out of its deps."""
    root = tmp_path / "project"
    shutil.copytree(tokens_path, root / "work" / "tokens")
    shutil.copytree(base_path, root / "models" / "base")
    train = a_train(
        max_steps=STEPS, save_steps=3, eval_steps=7, logging_steps=1, keep="best", batch_size=2,
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


@pytest.mark.slow
def test_a_run_killed_at_random_steps_ends_in_the_same_bits(project: Path, tmp_path: Path) -> None:
    whole = Path(shutil.copytree(project, tmp_path / "whole"))
    uninterrupted = repro(whole)
    draws = random.Random(7)
    step, kinds = 4, ["all", "dvc", "worker", "stage"]
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
    last = repro(project)
    text = last.communicate(timeout=300)[0]
    assert last.returncode == 0, text
    other = uninterrupted.communicate(timeout=300)[0]
    assert uninterrupted.returncode == 0, other
    for name in ("work/adapter/adapter_model.safetensors", "work/adapter/adapter_config.json",
                 "metrics/plots/train/loss.tsv", "metrics/plots/train/valid_loss.tsv"):  # fmt: skip
        assert (project / name).read_bytes() == (whole / name).read_bytes(), name
    assert not any((project / ".yue" / "checkpoints").iterdir())
