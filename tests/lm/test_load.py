"""Loading a base model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from yue.errors import YueError
from yue.lm.load import load_base


def test_a_base_model_is_loaded_in_the_wanted_dtype(base_path: Path) -> None:
    model = load_base(base_path, dtype="bfloat16", device="cpu", needed_rows=97)
    assert {w.dtype for w in model.parameters()} == {torch.bfloat16}


def test_packed_attention_never_reaches_a_saved_model(base_path: Path, tmp_path: Path) -> None:
    load_base(base_path, dtype="float32", device="cpu").save_pretrained(tmp_path)
    assert "yue_packed" not in (tmp_path / "config.json").read_text()


def copy_of(base: Path, folder: Path) -> Path:
    return Path(shutil.copytree(base, folder / "base"))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(YueError, match=r"no base model in .*nowhere"):
        load_base(tmp_path / "nowhere", dtype="float32", device="cpu")


def test_too_small_a_vocabulary_is_refused(base_path: Path) -> None:
    with pytest.raises(YueError, match="97 vocabulary rows, the tokens need 98"):
        load_base(base_path, dtype="float32", device="cpu", needed_rows=98)


def test_another_architecture_is_refused(base_path: Path, tmp_path: Path) -> None:
    folder = copy_of(base_path, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "gpt2"}))
    with pytest.raises(YueError, match="'gpt2', but YuE v1 is 'llama'"):
        load_base(folder, dtype="float32", device="cpu")


def test_truncated_weights_are_refused(base_path: Path, tmp_path: Path) -> None:
    weights = copy_of(base_path, tmp_path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(YueError, match="cannot load the base model"):
        load_base(weights.parent, dtype="float32", device="cpu")


def test_missing_weights_are_never_filled_with_random_numbers(
    base_path: Path, tmp_path: Path
) -> None:
    file = copy_of(base_path, tmp_path) / "model.safetensors"
    weights = load_file(file)
    del weights["model.norm.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(YueError, match=r"1 weights are missing, such as model\.norm\.weight"):
        load_base(file.parent, dtype="float32", device="cpu")
