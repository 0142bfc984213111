"""``yue mix plan``, and what a mixture refuses."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.dataset.upstream import upstream_epoch
from yue.cli import main
from yue.dataset.dataset_mix import mix_rows
from yue.dataset.open_datasets import open_datasets
from yue.errors import TrainingError
from yue.recipe.model import Mix
from yue.recipe.read import default_recipe
from yue.tokens.megatron_files import info_path
from yue.tokens.pair_info import read_info, write_info
from yue.training.schedule import run_plan, share_lines

SIZES = {"songs": 12, "pop": 30, "rock": 7}
TRAIN = dataclasses.replace(default_recipe().train, context_length=200, batch_size=4, epochs=2.0)


@pytest.fixture
def folder(tmp_path: Path, write_songs: Any) -> Path:
    """Token files of three datasets; rock lies beside the folders, as upstream writes files."""
    places = {"songs": "songs/train", "pop": "datasets/pop/train", "rock": "datasets/rock"}
    for name, place in places.items():
        prefix = tmp_path / place
        prefix.parent.mkdir(exist_ok=True, parents=True)
        write_songs(prefix, [(5, [(3, 20 + n)] * 2) for n in range(SIZES[name])])
    return tmp_path


def mixture(folder: Path, *datasets: str, by: str = "rounds") -> Mix:
    return Mix(datasets, by, 2.0, str(folder / "datasets"))


def words(folder: Path, *more: str) -> list[str]:
    return ["mix", "plan", "--data-dir", str(folder / "songs"), "--mix-folder",
            str(folder / "datasets"), "--context-length", "200", *more]  # fmt: skip


def test_the_plan_is_what_a_run_reads(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["songs=2", "pop=0.5", "rock=1.25"]
    more = ["--mix-datasets", *names, "--batch-size", "4", "--epochs", "2", "--json"]
    assert main(words(folder, *more)) == 0
    found = json.loads(capsys.readouterr().out)
    mix = mixture(folder, *names)
    rows = mix_rows(open_datasets(mix, folder / "songs" / "train"), mix, TRAIN)
    read = [rows.find(place) for place in range(found["rows"])]
    for part, portion in zip(found["datasets"], rows.portions, strict=True):
        own = [(epoch, index) for of, epoch, index in read if of is portion.rows]
        tokens = sum(len(portion.rows.row(*place).tokens) for place in own)
        assert (part["run_rows"], part["run_tokens"]) == (len(own), tokens)
        assert part["documents"] == SIZES[part["name"]]
    assert found["tokens"] == sum(part["run_tokens"] for part in found["datasets"])
    assert found["epoch_rows"] == rows.epoch_rows
    assert found["steps"] == -(-2 * rows.epoch_rows // 4)
    assert found["epochs"] == found["rows"] / rows.epoch_rows
    assert found["padding_share"] == pytest.approx(1 - found["tokens"] / found["rows"] / 200)


def test_the_plan_of_upstreams_rows_is_what_a_run_reads(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["songs=2", "pop=0.5", "rock=1.25"]
    more = ["--mix-datasets", *names, "--batch-size", "4", "--epochs", "2", "--packing", "chop"]
    assert main(words(folder, *more, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    mix, train = mixture(folder, *names), dataclasses.replace(TRAIN, packing="chop")
    datasets = open_datasets(mix, folder / "songs" / "train")
    rows = mix_rows(datasets, mix, train)
    expected = upstream_epoch([*datasets.values()], ("2", "0.5", "1.25"), train)
    assert found["epoch_rows"] == rows.epoch_rows == len(expected)
    assert found["steps"] == math.ceil(2 * len(expected) / 4)
    assert found["tokens"] == 200 * found["rows"]
    assert found["padding_share"] == 0
    read = [rows.find(place)[0] for place in range(found["rows"])]
    for part, portion in zip(found["datasets"], rows.portions, strict=True):
        assert part["run_rows"] == sum(of is portion.rows for of in read)
    times = [line.split(", ")[-1] for line in share_lines(run_plan(rows, train))]
    for number, part, said in zip((2, 0.5, 1.25), found["datasets"], times, strict=True):
        assert said == f"{part['run_rows'] * 200 / part['tokens']:.2f} times through it"
        assert part["rounds"] == pytest.approx(number, rel=0.05)


def test_the_plan_for_a_reader_names_shares_and_steps(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(folder, "--mix-datasets", "songs=1", "pop=3", "--mix-by", "weights")) == 0
    text = capsys.readouterr().out
    assert "25.00%" in text
    assert "iterations" in text
    assert "epochs" in text


def test_shares_are_logged_asked_against_real(folder: Path) -> None:
    mix = mixture(folder, "songs=1", "pop=3", by="weights")
    rows = mix_rows(open_datasets(mix, folder / "songs" / "train"), mix, TRAIN)
    first, second = share_lines(run_plan(rows, TRAIN))
    assert first.startswith("  songs: ")
    assert "(asked 25.00%)" in first
    assert "(asked 75.00%)" in second
    alone = mixture(folder, "songs=1")
    rows = mix_rows(open_datasets(alone, folder / "songs" / "train"), alone, TRAIN)
    assert share_lines(run_plan(rows, TRAIN)) == []


def test_files_of_another_program_take_the_codec_of_the_others(folder: Path) -> None:
    info_path(folder / "datasets" / "rock").unlink()
    mix = mixture(folder, "rock=1", "songs=1")
    datasets = open_datasets(mix, folder / "songs" / "train")
    assert list(datasets) == ["rock", "songs"]
    assert datasets["rock"].info.codec.name == "xcodec"
    with pytest.raises(TrainingError, match=r"none of rock has a \.json"):
        open_datasets(mixture(folder, "rock=1"), folder / "songs" / "train")


def test_a_dataset_that_is_not_there_is_told_what_there_is(folder: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        open_datasets(mixture(folder, "songs=1", "jazz=1"), folder / "songs" / "train")
    assert "no dataset 'jazz'" in str(caught.value)
    assert "name one that is: pop, rock" in str(caught.value)


@pytest.mark.parametrize("what", ["tokenizer", "weights of the codec"])
def test_datasets_whose_ids_mean_something_else_are_refused(folder: Path, what: str) -> None:
    for name, digest in (("songs/train", "a" * 64), ("datasets/pop/train", "b" * 64)):
        path = info_path(folder / name)
        info = read_info(path)
        if what == "tokenizer":
            info = dataclasses.replace(info, tokenizer_digest=digest)
        else:
            info = dataclasses.replace(info, codec=dataclasses.replace(info.codec, digest=digest))
        write_info(path, info)
    with pytest.raises(TrainingError, match=f"'pop' .* has another {what} than"):
        open_datasets(mixture(folder, "songs=1", "pop=1"), folder / "songs" / "train")


def test_a_flag_without_files_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mix", "plan", "--mix-by", "weights"]) == 2
    assert "--mix-by also needs --data-dir" in capsys.readouterr().err


def test_upstream_s_mixture_file_comes_to_upstream_s_numbers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs, pop = folder / "songs" / "train", folder / "datasets" / "pop" / "train"
    file = folder / "mixture.yml"
    file.write_text(
        f"TOKEN_COUNT_LOG_DIR: logs\nGLOBAL_BATCH_SIZE: 4\nSEQ_LEN: 256\n"
        f"1_ROUND:\n  - {songs}.bin\n1.5_ROUND:\n  - {pop}.bin\n0.5_ROUND:\n"
    )
    assert main(["mix", "plan", "--upstream", str(file)]) == 0
    one, two = (read_info(info_path(prefix)).tokens for prefix in (songs, pop))
    text = capsys.readouterr().out
    assert f"DATA_PATH={one} {songs} {int(two * 1.5)} {pop}\n" in text
    assert f"TRAIN_ITERS={(one + two * 1.5) / 1024}\n" in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1",
        "GLOBAL_BATCH_SIZE: 4\nSEQ_LEN: 0",
        "[",
        pytest.param("[" * 9999, id="many brackets"),
        "x",
    ],
)
def test_what_is_no_mixture_file_is_refused(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.yml").write_text(text)
    assert main(["mix", "plan", "--upstream", str(tmp_path / "m.yml")]) == 2
    assert "no mixture file" in capsys.readouterr().err
