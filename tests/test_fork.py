"""The fork's command line: each row of docs/migrating.md, typed as it stands there."""

from __future__ import annotations

import re
import shlex
from argparse import Namespace
from pathlib import Path

import pytest

from tests.tokens.test_megatron_files_index_file import put
from yue.cli import build_parser, main
from yue.commands.fork import dataset_instead
from yue.commands.train import job_of_flags
from yue.paths import token_folder
from yue.recipe.flags import recipe_from_flags
from yue.recipe.read import read_recipe

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "migrating.md").read_text(encoding="utf-8")
SECTIONS = ("mix", "model", "lora", "train", "launch", "logging")


def rows() -> list[tuple[str, str, list[str]]]:
    """(what the fork took, what stands beside it, the row's command that it adds to)."""
    found: list[tuple[str, str, list[str]]] = []
    before: list[str] = []
    for fork, here in re.findall(r"^\| (`.+?) \| (.+?) \|", PAGE, re.MULTILINE):
        for words in re.findall(r"`([^`]+)`", fork):
            if words.startswith("run_yue.py"):
                before = shlex.split(words)[1:]
            found.append((words.removeprefix("run_yue.py ").removeprefix("... "), here, before))
    return found


def parsed(words: list[str]) -> Namespace:
    return build_parser(words[0]).parse_args(words)


@pytest.mark.parametrize(("fork", "here", "before"), rows(), ids=lambda value: str(value)[:40])
def test_a_row_is_true(
    fork: str, here: str, before: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    typed = shlex.split(fork)
    words = typed if typed == before else [*before, *typed]
    for command in re.findall(r"`yue (?:--debug )?([^`>]+)", here):
        parsed(shlex.split(command))
    if here == "the same" or (typed == before and here == f"`yue {fork}`"):
        parsed(words)
        return
    with pytest.raises(SystemExit, match="2"):
        main(words)
    error = capsys.readouterr().err
    assert "there is no " in error
    # What stands beside it parses, and is what the error says to type.
    for flags in re.findall(r"`(--[^`]+)`", here):
        parsed([*before, *shlex.split(flags)])
        assert flags.split()[0] in error
    assert here != "leave them out" or "leave it out" in error


def test_there_are_rows_of_every_step() -> None:
    steps = {before[0] for _, _, before in rows()}
    assert steps >= {"convert", "preprocess", "dataset", "count", "train", "pipeline"}


def test_the_fork_s_names_set_the_keys_they_mean() -> None:
    words = ["train", "--model", "m", "--data-dir", "C", "--output-dir", "D"]
    recipe = recipe_from_flags(parsed([*words, "--bf16", "--report-to", "wandb"]), *SECTIONS)
    assert recipe.model.dtype == "bfloat16"
    assert (recipe.logging.wandb, recipe.logging.tensorboard) == (True, False)
    recipe = recipe_from_flags(
        parsed([*words, "--wandb", "--report-to", "none", "--gradient-checkpointing"]), *SECTIONS
    )
    assert (recipe.logging.wandb, recipe.logging.tensorboard) == (False, False)
    assert recipe.train.gradient_checkpointing == "full"
    assert parsed(words).wandb is None  # not given is not switched off


def test_accumulated_gradients_are_told_in_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        (["--batch-size", "2", "--gradient-accumulation-steps", "8"],
         "--batch-size 16 --micro-batch-size 2"),
        (["--gradient-accumulation-steps=8"], "--batch-size 32 --micro-batch-size 4"),
        (["--gradient-accumulation-steps"], "--batch-size, rows of a whole step"),
    ):  # fmt: skip
        with pytest.raises(SystemExit, match="2"):
            main(["train", "--model", "m", *words])
        assert f"give {told}" in capsys.readouterr().err


def test_the_verb_dataset_becomes_the_command_it_was_run_for() -> None:
    words = "--data-dir 'my C' --sequence-length 2048 --seed 7 --micro-batch-size 2 --split 8,1,1"
    told = dataset_instead(shlex.split(words))
    assert (
        "yue train --model MODEL --data-dir 'my C' --output-dir ADAPTER --context-length 2048 "
        "--batch-size 8 --micro-batch-size 2 --seed 7;" in told
    )
    assert "yue preprocess --valid-share 0.1 --test-share 0.1" in told
    command = told[told.index("yue train") : told.index(";")]
    assert parsed(shlex.split(command)[1:]).context_length == 2048


def test_training_as_the_fork_did_is_what_the_page_says() -> None:
    (block,) = re.findall(r"^```\n(yue train .*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    args = parsed(shlex.split(block.replace("\\\n", " "))[1:])
    recipe = recipe_from_flags(args, *SECTIONS)
    assert (recipe.train.lr, recipe.train.weight_decay, recipe.train.warmup_ratio) == (
        5e-4, 0.01, 0.03,
    )  # fmt: skip
    assert (recipe.train.lr_scheduler, recipe.train.epochs, recipe.train.batch_size) == (
        "cosine", 3, 4,
    )  # fmt: skip
    assert (recipe.lora.r, recipe.lora.alpha, recipe.lora.dropout) == (8, 16, 0.05)
    assert recipe.lora.rslora is False
    assert recipe.lora.target_modules == ("q_proj", "k_proj", "v_proj", "o_proj")


def token_files(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        for suffix in (".bin", ".idx"):
            put(folder, [4, 6], [0, 1, 2]).with_suffix(suffix).rename(folder / f"{name}{suffix}")


def test_a_folder_of_token_files_or_a_project_s_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, project = tmp_path / "plain", tmp_path / "project"
    token_files(plain / "a", "x")
    token_files(project / "work" / "tokens", "train", "valid")
    token_files(project / "corpora" / "other", "train")  # not what the project made
    assert main(["count", "--data-dir", str(plain)]) == 0
    assert str(plain / "a" / "x") in capsys.readouterr().out
    assert main(["count", "--data-dir", str(project)]) == 0
    shown = capsys.readouterr().out
    assert "corpora" not in shown
    assert shown.splitlines()[-1].split() == ["total", "4", "4", "20"]
    assert main(["count", "--data-dir", str(tmp_path / "none")]) == 2
    assert "no token files" in capsys.readouterr().err
    assert main(["count"]) == 2
    assert "--data-dir" in capsys.readouterr().err


def test_train_takes_a_project_for_its_token_files(tmp_path: Path) -> None:
    tokens = tmp_path / "C" / "work" / "tokens"
    token_files(tokens, "train")
    words = ["train", "--model", "m", "--data-dir", str(tmp_path / "C"), "--output-dir", "D"]
    args = parsed([*words, "--device", "cpu"])
    assert job_of_flags(args, recipe_from_flags(args, *SECTIONS)).tokens == tokens
    assert token_folder(tokens) == tokens


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        ("xcodec", ("models/xcodec_mini_infer", 8, 16_000)),
        ("dac16k", ("models/dac16k", 4, 16_000)),
        ("dac44k", ("models/dac44k", 8, 44_100)),
        ("semanticodec", ("models/semanticodec", 2, 16_000)),
        ("melrvq", ("demo/work/codec", 8, 16_000)),
    ],
)
def test_a_codec_brings_its_weights_and_its_shape(
    codec: str, expected: tuple[str, int, int], tmp_path: Path
) -> None:
    songs, project = tmp_path / "songs", tmp_path / "run"
    songs.mkdir()
    words = ["--model", "models/YuE-s1-7B-anneal-en-cot", "--codec-type", codec, "--dry-run"]
    assert main(["pipeline", "--input-dir", str(songs), "--output-dir", str(project), *words]) == 0
    recipe = read_recipe(project / "params.yaml")
    found = (recipe.codec.path, recipe.codec.codebooks, recipe.convert.sample_rate)
    assert (recipe.codec.name, found) == (codec, expected)
