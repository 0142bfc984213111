"""demo/dvc.yaml says the truth about the code it runs and what it makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.test_pipeline import ROOT, missing_deps

STARTS = {
    "songs": "corpus",
    "tokenizer": "tokenizer",
    "codec": "codec",
    "base": "base_model",
}


def stages() -> dict[str, dict[str, list[str]]]:
    """Each stage as needed.yaml makes it when the recipe needs it."""
    found = YAML(typ="safe").load((ROOT / "demo" / "dvc.yaml").read_text())["stages"]
    return {name: stage["do"] for name, stage in found.items()}


def test_there_is_a_stage_for_everything_the_command_makes() -> None:
    from yue.commands.demo import MAKERS

    assert list(stages()) == list(MAKERS) == list(STARTS)


@pytest.mark.parametrize("stage", STARTS)
def test_a_stage_depends_on_every_file_that_decides_what_it_makes(stage: str) -> None:
    missing = missing_deps([f"yue.demo.{STARTS[stage]}"], set(stages()[stage]["deps"]))
    assert not missing, f"demo/dvc.yaml: stage {stage} lacks deps for {missing}"


@pytest.mark.parametrize("stage", STARTS)
def test_a_stages_command_writes_and_reads_what_it_declares(stage: str) -> None:
    entry = stages()[stage]
    assert [f"--output {out}" in str(entry["cmd"]) for out in entry["outs"]] == [True]
    for dep in entry["deps"]:
        assert dep.startswith("demo/work/") == (dep in str(entry["cmd"]).split())
        if not dep.startswith("demo/work/"):
            assert (ROOT / dep).exists()


def test_the_demos_recipe_names_all_that_the_stages_make() -> None:
    recipe = YAML(typ="safe").load((ROOT / "recipes" / "demo.yaml").read_text())
    named = [
        recipe["data"]["songs_dir"],
        recipe["tokens"]["tokenizer"],
        recipe["codec"]["path"],
        recipe["model"]["path"],
    ]
    made = [Path(stages()[stage]["outs"][0]) for stage in STARTS]
    assert [Path(path) for path in named] == made
