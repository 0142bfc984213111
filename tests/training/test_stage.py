"""The stage in a project."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from yue.paths import Paths
from yue.recipe.read import default_recipe
from yue.stages.train import main
from yue.training.run import RunSetup


@pytest.mark.slow
def test_the_stage_leaves_what_dvc_yaml_declares(
    setup: RunSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    paths = Paths(tmp_path / "project")
    shutil.copytree(setup.tokens, paths.tokens)
    shutil.copytree(setup.base, paths.root / "models" / "base")
    defaults = default_recipe()
    recipe = dataclasses.replace(
        defaults,
        model=dataclasses.replace(setup.model, path="models/base"),
        lora=setup.lora,
        train=setup.train,
        runtime=dataclasses.replace(defaults.runtime, device="cpu"),
    )
    summary = main(recipe, paths)
    assert "6 steps" in summary.made
    assert sorted(p.name for p in paths.adapter.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "run.json",
    ]
    config = json.loads((paths.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "models/base"
    assert json.loads((paths.metrics / "train.json").read_text())["steps"] == 6
    assert (paths.metrics / "plots" / "train" / "valid_loss.tsv").is_file()
    assert sorted(p.name for p in paths.work.iterdir()) == ["adapter", "tokens"]
    assert not any((tmp_path / "root" / ".yue" / "checkpoints").iterdir())
