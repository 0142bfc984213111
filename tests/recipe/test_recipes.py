"""Every recipe in the repository is short, explained, and holds only what differs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.recipe.conftest import RECIPES, ROOT
from yue.recipe.read import checked, read_recipe
from yue.recipe.resolve import resolve
from yue.recipe.writing import active_text
from yue.recipe.yaml_positions import read_document

by_name = pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)


def test_there_are_recipes() -> None:
    assert {"demo", "own-songs", "yue-s1-lora"} <= {file.stem for file in RECIPES}


@by_name
def test_a_recipe_is_valid_and_named_as_its_file(file: Path) -> None:
    assert read_recipe(file).name == file.stem


@by_name
def test_a_recipe_holds_only_what_differs(file: Path) -> None:
    document = read_document(file)
    whole = resolve(document).values
    for section, inner in document.values.items():
        for name in inner if isinstance(inner, dict) else ():
            rest = {key: value for key, value in inner.items() if key != name}
            less = replace(document, values={**document.values, section: rest})
            assert resolve(less).values != whole, f"{section}.{name} says nothing new"


def test_recipes_are_short() -> None:
    assert sum(len(file.read_text().splitlines()) for file in RECIPES) < 500


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
    assert keyed
    assert [line for line in keyed if " # " not in line] == []


@by_name
def test_no_recipe_has_a_placeholder(file: Path) -> None:
    assert not re.search(r"<[a-z_ ]+>|TODO|CHANGEME|/path/to|\bXXX", file.read_text())


def test_the_active_recipe_is_the_demo_as_use_writes_it() -> None:
    file = ROOT / "recipes" / "demo.yaml"
    text = active_text(checked(read_document(file)), file, ROOT)
    assert (ROOT / "params.yaml").read_text() == text
