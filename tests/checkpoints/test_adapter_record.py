"""An adapter of another recipe, base model or codec is known as such."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from yue.checkpoints.adapter_record import adapter_differences, recipe_name
from yue.errors import YueError
from yue.files import write_json
from yue.recipe.differences import deciding_values, sections_of
from yue.recipe.model import Recipe
from yue.recipe.read import default_recipe

RECIPE = default_recipe()


def changed(section: str, **values: object) -> Recipe:
    part = dataclasses.replace(getattr(RECIPE, section), **values)
    return dataclasses.replace(RECIPE, **{section: part})


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    codec = {"name": "melrvq", "digest": "c" * 64, "frame_rate": "50/1", "codebooks": 1}
    value = {"recipe": sections_of(RECIPE), "recipe_name": "mine", "base_digest": "b" * 64}
    write_json(path, {**value, "codec": codec})
    return path


def test_the_same_recipe_base_and_codec_have_no_difference(record: Path) -> None:
    assert adapter_differences(record, RECIPE, base_digest="b" * 64, codec_digest="c" * 64) == []
    assert adapter_differences(record, RECIPE) == []
    assert recipe_name(record) == "mine"


@pytest.mark.parametrize(
    "same",
    [
        changed("train", logging_steps=77, save_steps=77, gradient_checkpointing="full"),
        changed("model", path="elsewhere/of/the/same/bytes"),
        changed("mix", folder="elsewhere"),
        changed("mix", temperature=0.3),  # not read: mix.by is rounds
        changed("launch", processes=4, zero_stage=3),
        dataclasses.replace(RECIPE, name="another", description="words"),
    ],
)
def test_what_decides_nothing_is_no_difference(record: Path, same: Recipe) -> None:
    assert adapter_differences(record, same, base_digest="b" * 64) == []


def test_every_difference_is_told_by_its_key(record: Path) -> None:
    other = dataclasses.replace(
        changed("train", max_steps=80, loss_on=("vocal",)),
        lora=dataclasses.replace(RECIPE.lora, r=5),
    )
    found = adapter_differences(record, other, base_digest="d" * 64, codec_digest="e" * 64)
    asked = json.dumps(list(RECIPE.train.loss_on))
    assert found == [
        f"lora.r {RECIPE.lora.r}, here 5",
        f'train.loss_on {asked}, here ["vocal"]',
        "train.max_steps null, here 80",
        "base model bbbbbbbbbbbb, here dddddddddddd",
        "codec cccccccccccc, here eeeeeeeeeeee",
    ]


def test_keys_that_another_key_puts_out_of_use_decide_nothing() -> None:
    last = changed("train", keep="last", patience=None, max_steps=9)
    names = deciding_values(sections_of(last)).keys()
    assert not names & {"train.epochs", "train.eval_steps", "mix.temperature"}
    best = changed("train", keep="best", max_steps=None)
    assert {"train.epochs", "train.eval_steps"} <= deciding_values(sections_of(best)).keys()


def test_a_record_of_an_older_version_lacks_a_key_that_has_its_default(record: Path) -> None:
    value = json.loads(record.read_text())
    del value["recipe"]["train"]["packing"], value["codec"]
    write_json(record, value)
    assert adapter_differences(record, RECIPE, codec_digest="e" * 64) == []
    found = adapter_differences(record, changed("train", packing="chop"))
    assert found == [f"train.packing {RECIPE.train.packing}, here chop"]


NAN = '{"recipe": {"mix": {}, "model": {}, "lora": {}, "train": {"lr": NaN}}}'


@pytest.mark.parametrize("text", ["{}", "[]", '{"recipe": {"train": {}}}', '{"recipe": 3}', NAN])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(YueError, match="not the record of a training"):
        adapter_differences(tmp_path / "run.json", RECIPE)


def test_it_needs_no_torch() -> None:
    words = "import sys, yue.checkpoints.adapter_record; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 0
