"""A recipe of an earlier schema goes on working, and says how it is written now."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.recipe.conftest import RECIPES
from yue.cli import main
from yue.recipe import renames
from yue.recipe.fault_text import RecipeFaultsError
from yue.recipe.read import read_recipe, recipe_of
from yue.recipe.renames import renewed
from yue.recipe.schema import Key, keys, schema
from yue.recipe.writing import completed_text
from yue.recipe.yaml_positions import parse_document, read_document

FIRST = Path(__file__).with_name("first.yaml")  # recipes/demo.yaml as the first version had it


def test_a_recipe_of_the_first_version_is_valid() -> None:
    document = read_document(FIRST)
    recipe = recipe_of(document)
    assert recipe.train.gradient_checkpointing == "none"
    assert (recipe.train.packing, recipe.mix.datasets) == ("songs", ("songs=1",))
    _, changes = renewed(document)
    assert [(change.line, change.what) for change in changes] == [
        (80, "train.gradient_checkpointing: false is called none now")
    ]


def test_what_was_true_is_full(tmp_path: Path) -> None:
    text = FIRST.read_text().replace(
        "gradient_checkpointing: false", "gradient_checkpointing: true"
    )
    (tmp_path / "a.yaml").write_text(text)
    assert read_recipe(tmp_path / "a.yaml").train.gradient_checkpointing == "full"


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_no_recipe_here_says_anything_in_former_words(file: Path) -> None:
    document = read_document(file)
    assert renewed(document) == (document, ())


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema in which lora.r was lora.rank, lora was adapter, and lora.bias is gone."""
    later: Any = copy.deepcopy(schema())
    later["properties"]["lora"]["x-renamed-from"] = ["adapter"]
    later["properties"]["lora"]["properties"]["r"]["x-renamed-from"] = ["lora.rank", "model.rank"]
    later["x-removed"] = {"lora.bias": "biases are never trained", "speed": "it did nothing"}

    def changed(key: Key) -> Key:
        if not key.section:
            return key
        return Key(key.section, key.name, later["properties"][key.section]["properties"][key.name])

    monkeypatch.setattr(renames, "schema", lambda: later)
    monkeypatch.setattr(renames, "keys", lambda: [changed(key) for key in keys()])


@pytest.mark.usefixtures("history")
def test_former_names_are_read_and_told() -> None:
    text = "speed: 3\nlora:\n  rank: 4  # mine\n  bias: all\n"
    document = parse_document(text, "params.yaml")
    assert recipe_of(document).lora.r == 4
    _, changes = renewed(document)
    assert [(change.line, change.what) for change in changes] == [
        (3, "lora.rank is called lora.r now"),
        (4, "lora.bias is read no more: biases are never trained"),
        (1, "speed is read no more: it did nothing"),
    ]
    written = completed_text(document)
    assert "  r: 4                               # mine\n" in written
    assert "rank:" not in written
    assert "bias" not in written


@pytest.mark.usefixtures("history")
def test_a_section_and_a_key_of_another_section_are_found_too() -> None:
    document = parse_document("adapter:\n  alpha: 3\nmodel:\n  rank: 5\n", "a.yaml")
    recipe = recipe_of(document)
    assert (recipe.lora.alpha, recipe.lora.r) == (3, 5)
    assert [change.what for change in renewed(document)[1]] == [
        "adapter is called lora now",
        "model.rank is called lora.r now",
    ]


@pytest.mark.usefixtures("history")
def test_a_fault_stands_where_the_former_name_is() -> None:
    with pytest.raises(RecipeFaultsError, match=r"a.yaml:2:9: lora.r: x: must be an integer"):
        recipe_of(parse_document("lora:\n  rank: x\n", "a.yaml"))


@pytest.mark.usefixtures("history")
def test_both_names_at_once_are_refused() -> None:
    with pytest.raises(RecipeFaultsError) as caught:
        recipe_of(parse_document("lora:\n  rank: 4\n  r: 8\n", "a.yaml"))
    (fault,) = caught.value.faults
    assert (fault.key, fault.place.line) == ("lora.rank", 2)
    assert fault.rule == "is called lora.r now, and that is here too"


def test_validate_tells_it_and_use_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(FIRST.read_text())
    assert main(["validate", "params.yaml"]) == 0
    err = capsys.readouterr().err
    assert "note: params.yaml:80: train.gradient_checkpointing: false is called none now" in err
    assert "fix: no action needed; `yue use params.yaml` writes it so" in err
    assert main(["use", "params.yaml"]) == 0
    capsys.readouterr()
    assert "  gradient_checkpointing: none " in (tmp_path / "params.yaml").read_text()
    assert main(["validate", "params.yaml"]) == 0
    assert "is called" not in capsys.readouterr().err
