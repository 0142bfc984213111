"""The schema is sound, says what every key takes, and the typed sections are made from it."""

from __future__ import annotations

from typing import get_type_hints

import pytest
from jsonschema import Draft7Validator

from tests.recipe.conftest import ROOT
from tests.recipe_keys import MODEL, model_source
from yue.codec_facts import BUILT_IN
from yue.recipe import model
from yue.recipe.read import default_recipe
from yue.recipe.schema import SCHEMA_FILE, Key, keys, keys_by_path, keys_of, schema, sections
from yue.tokens.vocabulary import codec_range


def test_the_schema_is_valid_draft_7_and_the_one_in_schemas() -> None:
    Draft7Validator.check_schema(schema())
    assert schema()["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert SCHEMA_FILE.read_bytes() == (ROOT / "schemas" / "recipe.schema.json").read_bytes()


def test_the_dataclasses_are_those_that_the_schema_makes() -> None:
    assert MODEL.read_text(encoding="utf-8") == model_source(), "make keys"
    hints = get_type_hints(model.Generate)
    assert hints["guidance_scale"] == float | tuple[float, float]
    assert (hints["seed"], hints["stage2"]) == (int, str | None)
    assert get_type_hints(model.Lora)["target_modules"] == str | tuple[str, ...]


def test_nothing_may_be_added_and_everything_left_out() -> None:
    for part in [schema(), *(schema()["properties"][name] for name in sections())]:
        assert part["additionalProperties"] is False
        assert "required" not in part


@pytest.mark.parametrize("key", keys(), ids=lambda key: key.dotted)
def test_a_key_explains_itself_and_takes_its_own_default(key: Key) -> None:
    assert Draft7Validator(key.rule).is_valid(key.default)
    assert len(key.description) > 10
    assert key.description.endswith(".")
    assert key.allowed
    assert bool(key.comment) == bool(key.section), "what params.yaml says beside it"
    if key.types in (("integer",), ("number",)):
        assert {"minimum", "exclusiveMinimum"} & set(key.rule), "no lower bound"
        assert {"maximum", "exclusiveMaximum"} & set(key.rule), "no upper bound"
    if "null" in key.types:
        assert key.default is None  # a flag says null by not being there


def test_no_section_ends_with_a_list() -> None:
    """DVC drops the comment of the next section when it writes a list in front of it."""
    assert [name for name in sections() if "array" in keys_of(name)[-1].types] == []


def test_an_alias_means_one_key_of_its_section() -> None:
    for section in ["", *sections()]:
        names = {key.name for key in keys_of(section)}
        aliases = [alias for key in keys_of(section) for alias in key.aliases]
        assert len(aliases) == len(set(aliases)), section
        assert not names & set(aliases), section


@pytest.mark.parametrize(
    ("dotted", "words"),
    [
        ("lora.r", "an integer from 1 to 1024"),
        ("lora.dropout", "a number from 0 to below 1"),
        ("train.lr", "a number above 0, at most 1"),
        ("lora.rslora", "true or false"),
        ("codec.name", "one of semanticodec, xcodec, dac16k, dac44k, melrvq"),
        ("train.max_steps", "an integer from 1 to 1000000000, or null"),
        ("data.songs_dir", "a path"),
    ],
)
def test_ranges_are_said_in_words(dotted: str, words: str) -> None:
    assert keys_by_path()[tuple(dotted.split("."))].allowed == words


@pytest.mark.parametrize(
    ("dotted", "good", "bad"),
    [
        ("train.lr", [1e-9, 1], [0, -1, 1.5]),
        ("lora.dropout", [0, 0.99], [1, -0.1]),
        ("lora.r", [1, 1024], [0, 1025, 2.5, True]),
        ("lora.target_modules", ["all-linear", ["q_proj"]], ["all", [], ["q_proj", "q_proj"]]),
        ("train.loss_on", [["vocal"]], [[], ["mixture"], ["text", "text"], "vocal"]),
        (
            "mix.datasets",
            [["songs=1"], ["a.b-c=0.25", "pop=12"]],
            [[], "songs=1", ["songs"], ["songs=0"], ["songs=-1"], ["=1"], ["../x=1"], ["a=1e3"]],
        ),
        ("convert.max_amplitude", [1, 0.1], [0, 1.1]),
        ("convert.segment_length", [None, 0.5], [0, -1]),
        ("songs.valid_share", [0, 0.5], [1, -0.5]),
        ("generate.top_p", [1, 0.1], [0, 1.1]),
        ("generate.temperature", [0, 2], [-0.1]),
        ("generate.guidance_scale", [1, [1.5, 1]], [0.9, 21, [1.5], [2, 0.9], [1, 1, 1], "1.5"]),
        ("launch.zero_stage", [0, 3], [4, -1]),
        ("name", ["demo", "a.b-c_1"], ["", "Demo", "-a", "a b", "x" * 65]),
    ],
)
def test_ranges_end_where_they_should(dotted: str, good: list[object], bad: list[object]) -> None:
    validator = Draft7Validator(keys_by_path()[tuple(dotted.split("."))].rule)
    assert [value for value in good if not validator.is_valid(value)] == []
    assert [value for value in bad if validator.is_valid(value)] == []


def test_the_defaults_are_a_recipe_of_the_released_model_and_its_codec() -> None:
    recipe = default_recipe()
    assert recipe.model.path == "models/YuE-s1-7B-anneal-en-cot"
    assert recipe.codec.name == "xcodec"
    assert recipe.convert.mono is True
    assert recipe.train.loss_on == ("special", "vocal", "instrumental")


def test_codec_facts_are_the_vocabulary_s() -> None:
    assert sorted(BUILT_IN) == sorted(keys_by_path()["codec", "name"].rule["enum"])
    for name, facts in BUILT_IN.items():
        assert facts.codebooks == codec_range(name).codebooks, name
        assert facts.sample_rate == (44_100 if name == "dac44k" else 16_000)
        assert f"{name} {facts.codebooks}" in keys_by_path()["codec", "codebooks"].description
    most = max(facts.codebooks for facts in BUILT_IN.values())
    assert keys_by_path()["codec", "codebooks"].rule["maximum"] == most
