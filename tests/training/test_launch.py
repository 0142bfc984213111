"""Real launches by DeepSpeed's launcher, on the CPU."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.training.jobs import vary
from tests.training.test_loop import go
from yue.checkpoints.adapter_record import adapter_differences
from yue.checkpoints.identity import write_identity
from yue.cli import build_parser, main
from yue.commands.train import job_of_flags
from yue.dataset.token_files import TokenFiles
from yue.distributed import World
from yue.errors import TrainingError, YueError
from yue.recipe.flags import recipe_from_flags
from yue.recipe.read import default_recipe
from yue.training.hosts import find_fleet
from yue.training.job import Job, JobFolder
from yue.training.launch import run_workers
from yue.training.plan import plan_run
from yue.training.run import TrainingRun

FLAGS = "--context-length 256 --max-steps 6 --lr 0.01 --batch-size 4 --lora-r 4 --lora-alpha 8"
FLAGS += " --save-steps 2 --eval-steps 3 --logging-steps 2 --device cpu"


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "adapter_model.safetensors")


def flags(base: Path, tokens: Path, output: Path, more: str = "") -> list[str]:
    paths = ["--model", str(base), "--data-dir", str(tokens), "--output-dir", str(output)]
    return ["train", *paths, *FLAGS.split(), *more.split()]


def job_of_words(words: list[str]) -> Job:
    args = build_parser("train").parse_args(words)
    recipe = recipe_from_flags(args, "mix", "model", "lora", "train", "launch", "logging")
    return job_of_flags(args, recipe)


def leave_checkpoint(words: list[str], folder: Path, world: World) -> Path:
    """Train to the second step in this process, as the verb with these words would."""
    plan = plan_run(job_of_words(words))
    go(plan.job, world, stop=2)
    write_identity(plan.job.run_folder, plan.identity, {"steps": plan.steps})
    return plan.job.run_folder


@pytest.mark.long
def test_the_verb_trains_outside_a_project_and_in_paths_with_spaces(
    base_path: Path,
    tokens_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    world: World,
) -> None:
    """And goes on from the checkpoint of a shorter run."""
    place = tmp_path / "a place with spaces"
    (place / "yue").mkdir(parents=True)  # a folder of that name is not the package
    (place / "yue" / "__init__.py").write_text("raise SystemExit('wrong code')")
    monkeypatch.chdir(place)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    output = place / "my adapter"
    datasets = tmp_path / "data sets"
    shutil.copytree(tokens_path, datasets / "again")
    mix = ["--mix-folder", str(datasets), "--mix-datasets", "songs=2", "again=1"]
    words = [*flags(base_path, tokens_path, output), *mix, "--mix-by", "weights"]
    other = leave_checkpoint([*words, "--max-steps", "4"], place / "JOB", world)
    assert main([*words, "--adopt", other.name[:12]]) == 0
    text = capfd.readouterr()
    assert "step 6/6  loss" in text.out
    assert "held-out loss" in text.out
    assert "[INFO]" not in text.out + text.err
    record = json.loads((output / "run.json").read_text())
    assert record["steps"] == 6
    assert record["resumed_from"] == record["continued_from"]["step"] == 2
    assert record["continued_from"]["differences"] == ["train.max_steps 4, here 6"]
    assert record["machine"]["processes"] == 1
    assert re.search(r"songs: \d\d\.\d\d% of the tokens \(asked 66\.67%\)", text.out)
    shares = record["dataset_tokens"]
    assert shares["songs"] / sum(shares.values()) == pytest.approx(2 / 3, abs=0.05)
    assert {"recipe_digest", "data_digest", "base_digest"} <= set(record)
    recipe = job_of_words([*words, "--logging-steps", "1"]).recipe
    found = (output / "run.json", record["base_digest"], record["codec"]["digest"])
    assert adapter_differences(found[0], recipe, base_digest=found[1], codec_digest=found[2]) == []
    assert record["layouts"] == ["cot"]
    assert record["codec"].keys() == {"name", "digest", "frame_rate", "codebooks"}
    metrics = json.loads((output / "train.json").read_text())
    assert metrics["role_loss"].keys() == {"special", "vocal", "instrumental"}
    assert metrics["loss"] < 11
    assert metrics["peak_memory_bytes"] > 1e6
    assert (output / "curves" / "loss.tsv").read_text().splitlines()[0] == "step\tloss"
    assert any(weight.any() for name, weight in weights(output).items() if "lora_B" in name)
    # Nothing is left behind, neither checkpoints nor temporary folders nor files at home.
    assert sorted(p.name for p in place.iterdir()) == [".yue", "my adapter", "yue"]
    assert [*(place / ".yue" / "checkpoints").iterdir()] == [other]
    assert not any(home.iterdir())


def test_an_error_names_the_flag_that_was_given(
    base_path: Path, tokens_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = flags(base_path, tokens_path, tmp_path / "out", "--context-length 512 --dry-run")
    assert main(words) == 1
    text = capsys.readouterr().err
    assert "train.context_length (--context-length) is 512, the base model reads 256" in text
    assert "fix: use train.context_length (--context-length): 256 or less" in text


@pytest.mark.parametrize(("more", "dtype"), [("", "float32"), ("--dtype bfloat16", "bfloat16")])
def test_weights_on_a_cpu_are_float32_unless_a_flag_says_so(
    base_path: Path, tokens_path: Path, tmp_path: Path, more: str, dtype: str
) -> None:
    args = build_parser("train").parse_args(flags(base_path, tokens_path, tmp_path / "out", more))
    recipe = recipe_from_flags(args, "mix", "model", "lora", "train", "launch", "logging")
    assert job_of_flags(args, recipe).recipe.model.dtype == dtype


def test_an_error_in_a_worker_is_told_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text("{}")
    fleet = find_fleet(default_recipe().launch, 2, tmp_path)
    with pytest.raises(TrainingError, match=r"job\.json: not a job"):
        run_workers(JobFolder(tmp_path), fleet, device="cpu", log=tmp_path / "log")


def test_faults_are_found_before_anything_is_launched(
    setup: Job, a_train: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yue.training.run.run_workers", None)

    def refused(match: str, **changes: object) -> None:
        changed = vary(setup, **changes)
        with TrainingRun(changed) as run, pytest.raises(TrainingError, match=match):
            run.train()

    refused("256 tokens at most", train=a_train(context_length=512))
    refused("loss_on is codebook_3, and no token", train=a_train(loss_on=("codebook_3",)))
    refused(
        "which 3 processes cannot share",
        launch=dataclasses.replace(setup.recipe.launch, processes=3),
    )
    with TrainingRun(vary(setup, device="cuda")) as run, pytest.raises(YueError, match="no GPU"):
        run.train()


def test_kernels_that_are_not_installed_are_named(
    setup: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    train = dataclasses.replace(setup.recipe.train, loss_kernel="liger")
    with pytest.raises(TrainingError, match="liger-kernel is not installed") as caught:
        plan_run(vary(setup, train=train))
    assert "yue[liger]" in caught.value.fix


def test_a_mixture_without_the_projects_songs_is_planned_with_its_own_codec(
    setup: Job, tmp_path: Path
) -> None:
    corpus = tmp_path / "corpora" / "other"
    corpus.parent.mkdir()
    shutil.copytree(setup.tokens, corpus)
    mix = dataclasses.replace(setup.recipe.mix, datasets=("other=1",), folder=str(corpus.parent))
    alone = vary(setup, mix=mix, tokens=tmp_path / "no songs")
    plan = plan_run(alone)
    assert plan.codec == TokenFiles.open(corpus / "train").info.codec
