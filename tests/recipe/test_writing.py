"""params.yaml changes in one line when DVC changes one value, and `use` never loses comments."""

from __future__ import annotations

import shutil
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import modify_yaml

from tests.recipe.conftest import RECIPES, ROOT, demo_lines
from yue.errors import RecipeError
from yue.recipe.read import checked, read_recipe, recipe_of
from yue.recipe.resolve import resolve
from yue.recipe.schema import Key, keys
from yue.recipe.writing import active_text, canonical, origin
from yue.recipe.yaml_positions import parse_document, read_document


def other_value(key: Key) -> Any:
    """A valid value that no recipe has."""
    if "enum" in key.rule:
        return key.rule["enum"][-1]
    if "boolean" in key.types:
        return not key.default
    if "string" in key.types:
        return "other"
    return 7 if "integer" in key.types else 0.123


def changed_lines(before: str, after: str) -> list[str]:
    diff = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))
    return [line for line in diff if line[0] in "+-" and line[:3] not in ("+++", "---")]


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml"))


PLAIN = [key for key in keys() if key.types != ("array",)]


@pytest.mark.parametrize("key", PLAIN, ids=lambda key: key.dotted)
def test_an_override_changes_one_line(params: Path, key: Key) -> None:
    before = params.read_text()
    value = other_value(key)
    apply_overrides(params, [f"{key.dotted}={str(value).lower()}"])
    changes = changed_lines(before, params.read_text())
    same = f"  {key.name}: {str(value).lower()} " in before
    assert len(changes) in ((0, 2) if same else (2,)), changes
    assert all(f"{key.name}: " in line or f"{key.name}:" in line for line in changes)


def test_an_override_of_a_list_changes_that_list(params: Path) -> None:
    before = params.read_text()
    apply_overrides(params, ["train.loss_on=[vocal]"])
    assert changed_lines(before, params.read_text()) == ["-  - special", "-  - instrumental"]


def test_an_override_by_the_same_value_changes_nothing(params: Path) -> None:
    before = params.read_bytes()
    apply_overrides(params, ["lora.r=8", "train.max_steps=40"])
    assert params.read_bytes() == before


def test_dvc_s_own_rewrite_is_ours(params: Path) -> None:
    before = params.read_text()
    with modify_yaml(str(params)) as data:
        data["lora"]["r"] = 16
    assert len(changed_lines(before, params.read_text())) == 2
    assert canonical(params.read_text()) == params.read_text()


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_dvc_leaves_the_params_file_of_every_recipe_as_it_is(tmp_path: Path, file: Path) -> None:
    params = tmp_path / "params.yaml"
    text = active_text(checked(read_document(file)), file, ROOT)
    params.write_text(text)
    apply_overrides(params, [f"name={file.stem}"])
    assert params.read_text() == text
    assert recipe_of(parse_document(text, "params.yaml")) == read_recipe(file)


def test_hand_written_yaml_comes_to_rest_with_values_and_comments_kept(tmp_path: Path) -> None:
    text = "\n".join(demo_lines())
    for old, new in {
        "name: demo": "name: 'demo' # quoted",
        "  lr: 0.008 ": "  lr:    8e-3",
        "  loss_on:  ": "  loss_on: [special, vocal, instrumental] ",
        "  - special\n  - vocal\n  - instrumental\n": "",
        "  max_songs:  ": "  max_songs: ~",
        "\nseparate:": "\nseparate: {missing: reject, weights: a, vocal_threshold_db: -30}\nzzz:",
        "mono: true": "mono: True",
    }.items():
        assert old in text
        text = text.replace(old, new)
    lines = text.splitlines()
    start = lines.index("zzz:")
    del lines[start : start + 4]
    text = "\n".join(lines)
    params = tmp_path / "params.yaml"
    params.write_text(canonical(text))
    recipe = recipe_of(parse_document(text, "a"))
    assert recipe_of(parse_document(params.read_text(), "b")) == recipe
    for word in ["# quoted", "# peak learning rate", "# roles to learn", "# empty takes all"]:
        assert word in params.read_text()
    before = params.read_text()
    apply_overrides(params, ["lora.r=16"])
    assert len(changed_lines(before, params.read_text())) == 2


def test_the_header_names_the_recipe_and_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "recipes" / "mine.yaml"
    document = checked(parse_document("\n".join(demo_lines()), "mine.yaml"))
    text = active_text(document, file, tmp_path)
    again = active_text(checked(parse_document(text, "params.yaml")), file, tmp_path)
    assert again == text  # a params.yaml saved as a recipe does not pile up headers
    assert text.splitlines()[0].endswith("$schema=schemas/recipe.schema.json")
    named = origin(text)
    assert named is not None
    assert named[0] == "recipes/mine.yaml"
    elsewhere = active_text(document, Path("/else/where.yaml"), tmp_path)
    assert origin(elsewhere) == ("/else/where.yaml", named[1])


def test_the_digest_is_of_values_not_of_their_spelling(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        found = resolve(parse_document(text, "a"))
        named = origin(active_text(found, tmp_path / "a", tmp_path))
        assert named is not None
        return named[1]

    text = "\n".join(demo_lines())
    assert digest(text) == digest(text.replace("r: 8 ", "r: 8.0 # other").replace("0.008", "8e-3"))
    assert digest(text) != digest(text.replace("r: 8 ", "r: 9 "))
    assert digest(text) != digest(text.replace("mono: true", "mono: 1"))


def test_a_layout_that_never_rests_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yue.recipe.writing._rewrite", lambda text: text + " ")
    with pytest.raises(RecipeError, match="cannot be laid out the way DVC writes it"):
        canonical("a: 1\n")
