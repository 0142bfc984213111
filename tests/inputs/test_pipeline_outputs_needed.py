"""DVC sees the stages of the demo that the active recipe needs, and no others."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.recipe.conftest import ROOT
from yue.inputs.pipeline_outputs import (
    FILE,
    Change,
    needed_stages,
    needed_text,
    stages_of,
    write_needed,
)
from yue.recipe.model import Recipe
from yue.recipe.read import read_recipe

ALL = ("songs", "tokenizer", "codec", "base")


def recipe_called(name: str) -> Recipe:
    return read_recipe(ROOT / "recipes" / f"{name}.yaml")


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("demo", ALL),
        ("own-songs", ("tokenizer", "codec", "base")),
        ("yue-s1-lora", ()),
        ("yue-s2-lora", ()),
    ],
)
def test_the_stages_of_ready_recipes(name: str, stages: tuple[str, ...]) -> None:
    assert needed_stages(recipe_called(name), ROOT) == stages


def test_a_stage_brings_those_that_it_reads() -> None:
    recipe = recipe_called("yue-s1-lora")
    model = dataclasses.replace(recipe.model, path="demo/work/base")
    recipe = dataclasses.replace(recipe, model=model)
    assert needed_stages(recipe, ROOT) == ("tokenizer", "codec", "base")


def test_needed_lists_every_stage_of_the_demo() -> None:
    lists = YAML(typ="safe").load(needed_text(recipe_called("own-songs"), ROOT))
    assert tuple(lists) == tuple(stage.name for stage in stages_of(ROOT, "demo")) == ALL
    assert lists == {"songs": [], "tokenizer": ["demo"], "codec": ["demo"], "base": ["demo"]}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "demo").mkdir()
    shutil.copy(ROOT / "demo" / "dvc.yaml", tmp_path / "demo")
    return tmp_path


def test_it_is_written_when_the_recipe_changes(project: Path) -> None:
    assert write_needed(recipe_called("own-songs"), project) == Change(
        ALL[:0] + tuple(sorted(ALL[1:])), ()
    )
    before = (project / FILE).stat().st_mtime_ns
    assert write_needed(recipe_called("own-songs"), project) == Change((), ())
    assert (project / FILE).stat().st_mtime_ns == before
    assert write_needed(recipe_called("demo"), project) == Change(("songs",), ())
    assert write_needed(recipe_called("yue-s1-lora"), project) == Change((), tuple(sorted(ALL)))
    (project / FILE).write_text("[")
    assert write_needed(recipe_called("yue-s1-lora"), project) == Change((), ())
    assert "songs: []" in (project / FILE).read_text()


def test_a_project_without_the_demo_has_no_such_file(tmp_path: Path) -> None:
    assert write_needed(recipe_called("demo"), tmp_path) == Change((), ())
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(("name", "count"), [("demo", 4), ("own-songs", 3), ("yue-s1-lora", 0)])
def test_dvc_itself_sees_only_these(project: Path, name: str, count: int) -> None:
    write_needed(recipe_called(name), project)
    for line in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(line, cwd=project, check=True, capture_output=True)
    line = [sys.executable, "-m", "dvc", "stage", "list", "--all", "--name-only"]
    done = subprocess.run(line, cwd=project, check=True, capture_output=True, text=True)
    assert done.stdout.count("demo/dvc.yaml:") == count, done.stdout
