"""Codecs that do not fit their weights or the base model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.recipe.conftest import ROOT
from yue.codec_facts import YUE_ROWS
from yue.files import write_json
from yue.inputs.recipe_notes import codec_problems, is_strange
from yue.recipe.model import Recipe
from yue.recipe.read import default_recipe

RELEASED = "models/YuE-s1-7B-anneal-en-cot"


def recipe_with(codec: str, model: str = "model") -> Recipe:
    recipe = default_recipe()
    return dataclasses.replace(
        recipe,
        codec=dataclasses.replace(recipe.codec, name=codec, path="codec"),
        model=dataclasses.replace(recipe.model, path=model),
    )


def problems_of(root: Path, codec: str, model: str = "model") -> list[str]:
    return [".".join(map(str, p.path)) for p in codec_problems(recipe_with(codec, model), root)]


def test_weights_of_another_codec(tmp_path: Path) -> None:
    (tmp_path / "codec").mkdir()
    assert problems_of(tmp_path, "xcodec") == []
    write_json(tmp_path / "codec" / "config.json", {"codec": "melrvq", "version": 1})
    assert problems_of(tmp_path, "xcodec") == ["codec.path"]
    assert problems_of(tmp_path, "melrvq") == []
    assert problems_of(tmp_path, "a codec of another package") == []
    (tmp_path / "codec" / "config.json").write_text("[")
    assert problems_of(tmp_path, "xcodec") == []
    (tmp_path / "codec" / "final_ckpt").mkdir()
    (tmp_path / "codec" / "final_ckpt" / "config.yaml").touch()
    assert problems_of(tmp_path, "xcodec") == []
    assert problems_of(tmp_path, "dac16k") == ["codec.path"]


def test_a_model_without_the_codec_s_ids(tmp_path: Path) -> None:
    assert problems_of(ROOT, "melrvq", RELEASED) == ["codec.name"], "it is a released one"
    assert problems_of(ROOT, "xcodec", RELEASED) == []
    assert problems_of(tmp_path, "melrvq", "models/mine") == [], "nobody says what this will be"
    for rows, found in ((YUE_ROWS, ["codec.name"]), (YUE_ROWS + 8320, [])):
        write_json(tmp_path / RELEASED / "config.json", {"vocab_size": rows})
        assert problems_of(tmp_path, "melrvq", RELEASED) == found


@pytest.mark.parametrize(
    ("codec", "model", "strange"),
    [
        ("dac16k", RELEASED, True),
        ("semanticodec", "/data/YuE-s2-1B-general", True),
        ("xcodec", RELEASED, False),
        ("dac16k", "models/mine", False),
    ],
)
def test_a_released_model_knows_one_codec(codec: str, model: str, *, strange: bool) -> None:
    assert is_strange(recipe_with(codec, model)) is strange
