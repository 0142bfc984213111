"""Which files of released weights are missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.recipe.conftest import ROOT
from yue.inputs.pipeline_outputs import named_paths
from yue.inputs.released_weights import RELEASED, missing_files, released_at
from yue.recipe.read import read_recipe

S1, XCODEC = RELEASED["YuE-s1-7B-anneal-en-cot"], RELEASED["xcodec_mini_infer"]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("models/YuE-s1-7B-anneal-en-cot", (S1, "models/YuE-s1-7B-anneal-en-cot")),
        ("models/YuE-s1-7B-anneal-en-cot/tokenizer.model", (S1, "models/YuE-s1-7B-anneal-en-cot")),
        ("./models/xcodec_mini_infer/", (XCODEC, "models/xcodec_mini_infer")),
        (
            "models/stage2/YuE-s2-1B-general",
            (RELEASED["YuE-s2-1B-general"], "models/stage2/YuE-s2-1B-general"),
        ),
        ("models/mine", None),
        ("models", None),
        ("xcodec_mini_infer", None),
        ("/models/xcodec_mini_infer", None),
    ],
)
def test_a_path_in_models_that_has_the_name_of_released_weights(path: str, found: object) -> None:
    assert released_at(path) == found


def test_every_path_in_models_that_a_ready_recipe_names_is_released_or_explained() -> None:
    for file in sorted((ROOT / "recipes").glob("*.yaml")):
        for path in named_paths(read_recipe(file)):
            if path.startswith("models/") and path != "models/separator":
                assert released_at(path), f"{file.name}: {path}"


def test_weights_are_complete_with_the_files_of_one_layout(tmp_path: Path) -> None:
    wanted = ("final_ckpt/config.yaml", "final_ckpt/ckpt_00360000.pth")
    assert missing_files(XCODEC, tmp_path / "none") == wanted
    touch(tmp_path, "final_ckpt/config.yaml")
    assert missing_files(XCODEC, tmp_path) == wanted[1:]
    touch(tmp_path, "config.json", "model.safetensors")
    assert missing_files(XCODEC, tmp_path) == ()


def test_every_shard_that_the_index_names_must_be_there(tmp_path: Path) -> None:
    shards = [f"model-{n:05}-of-00003.safetensors" for n in (1, 2, 3)]
    touch(tmp_path, "config.json", shards[0])
    assert missing_files(S1, tmp_path) == (), "without an index, one file may be the whole"
    index = {"weight_map": {f"layer.{n}": shard for n, shard in enumerate(shards)}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert missing_files(S1, tmp_path) == tuple(shards[1:])
    touch(tmp_path, ".cache/huggingface/download/" + shards[1])
    assert missing_files(S1, tmp_path) == tuple(shards[1:]), "a download that is not finished"
    touch(tmp_path, *shards[1:])
    assert missing_files(S1, tmp_path) == ()


def test_files_behind_a_link_to_a_folder_are_there(tmp_path: Path) -> None:
    touch(tmp_path / "disk", "config.yaml", "ckpt_00360000.pth")
    (tmp_path / "xcodec_mini_infer").mkdir()
    (tmp_path / "xcodec_mini_infer" / "final_ckpt").symlink_to(tmp_path / "disk")
    assert missing_files(XCODEC, tmp_path / "xcodec_mini_infer") == ()


def test_weights_that_no_loader_reads_are_none(tmp_path: Path) -> None:
    touch(tmp_path, "config.json", "onnx/model.safetensors")
    assert missing_files(S1, tmp_path) == ("*.safetensors",)
    touch(tmp_path, "model.safetensors")
    for name, shard in (("a", "model.safetensors"), ("model", "absent.safetensors")):
        index = {"weight_map": {"w": shard}}
        (tmp_path / f"{name}.safetensors.index.json").write_text(json.dumps(index))
    assert missing_files(S1, tmp_path) == ("absent.safetensors",), "the index that loaders read"


@pytest.mark.parametrize("text", ["", "[]", '{"weight_map": 3}', "{"])
def test_a_damaged_index_is_the_loader_s_to_refuse(tmp_path: Path, text: str) -> None:
    touch(tmp_path, "config.json", "model.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(text)
    assert missing_files(S1, tmp_path) == ()


def test_the_command_that_fetches_quotes_its_patterns() -> None:
    assert S1.fetch_command("models/x") == (
        "yue fetch m-a-p/YuE-s1-7B-anneal-en-cot --output-dir models/x "
        "--include '*.json' '*.model' '*.safetensors'"
    )
