"""Every recipe in the repository is complete, explained, and laid out as DVC writes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.recipe.conftest import RECIPES, ROOT
from yue.recipe.document import read_document
from yue.recipe.read import read_recipe
from yue.recipe.schema import keys
from yue.recipe.write import active_text, canonical

by_name = pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)


def test_there_are_recipes() -> None:
    assert {"demo", "own-songs", "yue-s1-lora"} <= {file.stem for file in RECIPES}


@by_name
def test_a_recipe_is_valid_and_named_as_its_file(file: Path) -> None:
    assert read_recipe(file).name == file.stem


@by_name
def test_a_recipe_is_laid_out_as_dvc_writes_it(file: Path) -> None:
    assert canonical(file.read_text()) == file.read_text()


@by_name
def test_a_recipe_s_header_has_the_editor_s_line_the_command_and_the_needs(file: Path) -> None:
    lines = file.read_text().splitlines()
    header = "\n".join(line for line in lines[: lines.index("")])
    assert lines[0] == "# yaml-language-server: $schema=../schemas/recipe.schema.json"
    assert f"yue use recipes/{file.name} && dvc repro" in header
    assert "Needs:" in header


@by_name
def test_a_comment_stands_beside_every_key_of_a_section(file: Path) -> None:
    lines = file.read_text().splitlines()
    keyed = [line for line in lines if re.match(r"  \w+:", line)]
    assert len(keyed) == len([key for key in keys() if key.section])
    assert [line for line in keyed if " # " not in line] == []


@by_name
def test_no_recipe_has_a_placeholder(file: Path) -> None:
    assert not re.search(r"<[a-z_ ]+>|TODO|CHANGEME|/path/to|\bXXX", file.read_text())


def test_the_active_recipe_is_the_demo_as_use_writes_it() -> None:
    file = ROOT / "recipes" / "demo.yaml"
    text = active_text(read_document(file), file, ROOT)
    assert (ROOT / "params.yaml").read_text() == text
