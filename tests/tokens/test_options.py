"""Options: what is none of the choices is refused, and what goes with a codec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from yue.errors import UsageError
from yue.recipe.read import default_recipe
from yue.tokens.layouts.table import LAYOUTS
from yue.tokens.options import Options
from yue.tokens.roles import LEARNABLE
from yue.tokens.vocabulary import CODECS, codec_range

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["layout", "compat", "audio_prompt", "order", "track"])
def test_an_unknown_choice_lists_the_known(name: str) -> None:
    with pytest.raises(UsageError, match=f"unknown {name} 'x'") as error:
        Options(**{name: "x"})
    assert "choose one of" in error.value.fix


@pytest.mark.parametrize(
    "values",
    [
        {"instruction_dropout": -0.1},
        {"instruction_dropout": float("nan")},
        {"instruction_dropout": 1.1},
        {"prompt_seconds": 0},
        {"prompt_seconds": float("nan")},
    ],
)
def test_a_number_out_of_range_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Options(**values)


def test_the_defaults_are_the_recipes() -> None:
    assert Options.of(default_recipe().tokens) == Options()


STAGE1 = {"dac16k": 4, "dac44k": 9, "semanticodec": 2}
STAGE2 = {"dac16k": 4, "dac44k": 9, "semanticodec": 2, "xcodec": 8, "melrvq": 8}


@pytest.mark.parametrize("name", CODECS)
def test_documents_carry_the_codecs_own_number_of_codebooks(name: str) -> None:
    codec = codec_range(name)
    assert Options().ids(codec).codebooks == STAGE1.get(name, 1)
    assert Options(codebooks=1).ids(codec).sizes == codec.sizes[:1]
    if name in STAGE2:
        assert Options(layout="stage2").ids(codec).codebooks == STAGE2[name]
    else:
        with pytest.raises(UsageError, match="layout stage2 with codec"):
            Options(layout="stage2").ids(codec)


@pytest.mark.parametrize(("layout", "books"), [("cot", 0), ("cot", 13), ("stage2", 1)])
def test_a_number_of_codebooks_that_there_is_not_is_refused(layout: str, books: int) -> None:
    with pytest.raises(UsageError, match=f"codebooks {books} with layout {layout}"):
        Options(layout=layout, codebooks=books).ids(codec_range("xcodec"))


def test_a_recipe_may_name_every_layout_of_the_table() -> None:
    schema = json.loads((ROOT / "schemas" / "recipe.schema.json").read_text(encoding="utf-8"))
    layout = schema["properties"]["tokens"]["properties"]["layout"]
    assert layout["enum"] == list(LAYOUTS)
    assert layout["x-comment"] == " | ".join(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_roles_of_a_layout_are_roles_that_can_be_learned(layout: str) -> None:
    assert set(LAYOUTS[layout].roles) <= {role.title for role in LEARNABLE}
