"""params.yaml from a short recipe: every key, every comment, and still as DVC writes it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recipe.conftest import ROOT
from yue.recipe.problems import schema_problems
from yue.recipe.read import checked, problems
from yue.recipe.resolve import resolve
from yue.recipe.schema import Key, defaults, keys
from yue.recipe.writing import active_text, canonical, completed_text, short_text
from yue.recipe.yaml_positions import parse_document

OWN = """\
# yaml-language-server: $schema=../schemas/recipe.schema.json
# Mine.
#
# Run: now

name: mine # of my own
# About what follows.
description: short
# The adapter, wide.
lora: # all of it
  # Below is the scale.
  alpha: 5 # low
  r: 3
  target_modules: [q_proj, v_proj] # two
  # Beside nothing.
train:
  loss_on: # few
  - vocal # the voice
  # How it learns.
  gradient_checkpointing: full
  lr: 1e-3
# The end.
"""


def test_a_recipe_s_own_comments_go_with_its_keys() -> None:
    found = checked(parse_document(OWN, "mine.yaml"))
    lines = active_text(found, Path("/p/recipes/mine.yaml"), Path("/p")).splitlines()
    assert lines[2:5] == ["# Mine.", "#", "# Run: now"]
    assert lines[5:9] == [
        "",
        "name: mine                           # of my own",
        "# About what follows.",
        "description: short",
    ]
    start = lines.index("# The adapter, wide.")
    assert lines[start : start + 12] == [
        "# The adapter, wide.",
        "lora:                                # all of it",
        "  r: 3                               # rank",
        "  # Below is the scale.",
        "  alpha: 5                           # low",
        "  dropout: 0.0                       # share of the adapter's inputs dropped in training",
        "  rslora: true                       # rank-stabilised scaling",
        "  target_modules:                    # two",
        "  - q_proj",
        "  - v_proj",
        "  dora: false                        # learn lengths apart from directions",
        "  init: zero                         # zero | pissa: principal components",
    ]
    start = lines.index("# Beside nothing.")
    assert lines[start + 1] == "train:"
    start = lines.index("  # the voice")
    assert lines[start : start + 4] == [
        "  # the voice",
        "  # How it learns.",
        "  loss_on:                           # few",
        "  - vocal",
    ]
    assert lines[-1] == "# The end."
    every = [f" {key.name}:" for key in keys() if key.section]
    assert [name for name in every if not any(name in line for line in lines)] == []


def test_completing_is_done_once() -> None:
    text = completed_text(parse_document(OWN, "mine.yaml"))
    assert text.startswith(
        "# yaml-language-server: $schema=../schemas/recipe.schema.json\n# Mine.\n"
    )
    assert completed_text(parse_document(text, "mine.yaml")) == text
    assert resolve(parse_document(text, "a")).values == resolve(parse_document(OWN, "a")).values


def test_completing_the_active_recipe_changes_nothing() -> None:
    text = (ROOT / "params.yaml").read_text()
    assert completed_text(parse_document(text, "params.yaml")) == text


def test_a_section_that_was_removed_comes_back_once() -> None:
    text = (ROOT / "params.yaml").read_text()
    lines = text.splitlines()
    start, end = lines.index("evaluate:"), lines.index("# Songs to generate after training.")
    less = "\n".join([*lines[:start], *lines[end:]])  # its comment stays
    assert completed_text(parse_document(less, "params.yaml")) == text


def test_a_short_text_has_what_differs_and_no_more() -> None:
    values = defaults()
    values["lora"] = {**values["lora"], "r": 3}
    values["name"] = "mine"
    lines = short_text(["# Mine."], values).splitlines()
    assert lines[1:] == [
        "# Mine.",
        "",
        "name: mine",
        "",
        "# The adapter.",
        "lora:",
        "  r: 3                               # rank",
    ]


TEXTS = [key for key in keys() if key.allowed.startswith(("a path", "text of"))]
NUMBERS = [key for key in keys() if {"integer", "number"} & set(key.types)]

# ruamel, and so DVC, writes no more than 15 digits of a number with an exponent.
FLOATS = st.floats(0, 1e-3).map(lambda value: float(f"{value:.6g}"))


def sound(key: Key, value: Any) -> bool:
    section = {**defaults()[key.section], key.name: value} if key.section else value
    return schema_problems({**defaults(), key.section or key.name: section}) == []


@pytest.mark.parametrize("number", range(2), ids=["active", "short"])
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_values_come_back_and_rest(number: int, data: st.DataObject) -> None:
    words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)
    texts = st.lists(words, min_size=1, max_size=30).map(" ".join)
    values = {**defaults(), "name": "mine"}
    for key in data.draw(st.lists(st.sampled_from(TEXTS), max_size=3)):
        value = data.draw(texts)[: key.rule["maxLength"]].strip()
        if value and sound(key, value):
            (values[key.section] if key.section else values)[key.name] = value
    for key in data.draw(st.lists(st.sampled_from(NUMBERS), max_size=5)):
        value = data.draw(st.one_of(st.integers(0, 2000), FLOATS, st.none()))
        if sound(key, value):
            values[key.section][key.name] = value
    if number:
        text = short_text(["# Mine."], values)
    else:
        source = short_text(["# Mine."], values)
        found = resolve(parse_document(source, "mine.yaml"))
        text = active_text(found, Path("/p/mine.yaml"), Path("/p"))
    assert resolve(parse_document(text, "a.yaml")).values == values
    if number:
        return
    assert canonical(text) == text
    if not problems(values):
        with tempfile.TemporaryDirectory() as folder:
            params = Path(folder) / "params.yaml"
            params.write_text(text)
            apply_overrides(params, [f"lora.r={values['lora']['r']}"])
            assert params.read_text() == text
