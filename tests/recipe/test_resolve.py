"""What a file leaves out: the defaults, or what it extends, each value with its place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.recipe.conftest import RECIPES, ROOT, demo_lines, line_of
from yue.errors import RecipeError
from yue.recipe import problems, schema
from yue.recipe.differences import drift_of
from yue.recipe.fault_text import Fault, RecipeFaultsError
from yue.recipe.model import Recipe
from yue.recipe.read import build_recipe, checked, read_recipe, recipe_of, values_digest
from yue.recipe.resolve import left_out, resolve
from yue.recipe.schema import Key, defaults, keys, sections
from yue.recipe.writing import completed_text
from yue.recipe.yaml_positions import parse_document, read_document

LINES = demo_lines()
Write = Callable[..., Path]


def recipe_from(lines: list[str]) -> Recipe:
    return recipe_of(parse_document("\n".join(lines), "params.yaml"))


def demo_with_default(*gone: Key) -> Recipe:
    """The demo's recipe in which these keys have their defaults."""
    values = copy.deepcopy(dict(resolve(parse_document("\n".join(LINES), "a")).values))
    for key in gone:
        (values[key.section] if key.section else values)[key.name] = key.default
    return build_recipe(values)


def lines_of(key: Key) -> slice:
    """The lines of a key, and of its list's items."""
    start = line_of(key.dotted)
    end = start + 1
    while end < len(LINES) and LINES[end].startswith("  - "):
        end += 1
    return slice(start, end)


@pytest.mark.parametrize("key", keys(), ids=lambda key: key.dotted)
def test_a_key_that_is_left_out_or_empty_has_its_default(key: Key) -> None:
    place = lines_of(key)
    expected = demo_with_default(key)
    assert recipe_from([*LINES[: place.start], *LINES[place.stop :]]) == expected
    empty = LINES[place.start].partition(":")[0] + ":  # nothing"
    assert recipe_from([*LINES[: place.start], empty, *LINES[place.stop :]]) == expected


@pytest.mark.parametrize("section", sections())
def test_a_section_that_is_left_out_or_empty_has_its_defaults(section: str) -> None:
    start = LINES.index(f"{section}:")
    end = next((n for n in range(start + 1, len(LINES)) if not LINES[n].startswith(" ")), None)
    rest = [] if end is None else LINES[end:]
    expected = demo_with_default(*(key for key in keys() if key.section == section))
    assert recipe_from([*LINES[:start], *rest]) == expected
    assert recipe_from([*LINES[: start + 1], *rest]) == expected


@pytest.mark.parametrize("number", range(len(LINES)), ids=lambda n: LINES[n].split(" #")[0].strip())
def test_any_one_line_of_the_active_recipe_may_go(number: int) -> None:
    """But for the line of a section or a list, of which something stands below."""
    section = LINES[number].removesuffix(":")
    try:
        recipe_from([*LINES[:number], *LINES[number + 1 :]])
    except RecipeFaultsError as error:
        (fault,) = error.faults
        if LINES[number + 1].startswith("  - "):
            assert fault.rule.startswith("not YAML")
            return
        assert section in sections()
        if fault.rule.startswith("not YAML"):
            return
        first = LINES[number + 1].split(":")[0].strip()
        assert fault.key.endswith(f".{first}")
        assert fault.rule.endswith(f"belong to {section}: its line is missing")
        assert fault.fix == f"write the line `{section}:` above this one"
        assert fault.place.line == number + 1
    else:
        assert section not in sections()


def test_items_whose_key_is_gone_are_told_so() -> None:
    place = line_of("train.loss_on")
    with pytest.raises(RecipeFaultsError, match="write the name of the list's key above its items"):
        recipe_from([*LINES[:place], *LINES[place + 1 :]])


def test_nothing_at_all_is_the_defaults() -> None:
    assert recipe_from(["name:"]) == build_recipe(defaults())


@pytest.fixture
def new_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A key that a later version adds to the schema."""
    cached = (schema.schema, schema.keys, schema.keys_by_path, schema.sections, problems._validator)
    later = json.loads(schema.SCHEMA_FILE.read_text())
    rule = {"type": "integer", "minimum": 0, "maximum": 9, "default": 3, "description": "New."}
    later["properties"]["lora"]["properties"]["later"] = {**rule, "x-comment": "new"}
    file = tmp_path / "later.json"
    file.write_text(json.dumps(later))
    with monkeypatch.context() as patch:
        patch.setattr(schema, "SCHEMA_FILE", file)
        for function in cached:
            function.cache_clear()
        yield
    for function in cached:
        function.cache_clear()


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
@pytest.mark.usefixtures("new_key")
def test_a_new_key_leaves_every_recipe_valid_and_its_digest_the_same(file: Path) -> None:
    values = checked(read_document(file)).values
    assert values["lora"]["later"] == 3
    assert read_recipe(file).lora.r == values["lora"]["r"], "no code reads the new key yet"
    before = {name: value for name, value in values["lora"].items() if name != "later"}
    assert values_digest(values) == values_digest({**values, "lora": before})
    params = read_document(ROOT / "params.yaml")
    assert left_out(params) == ["lora.later"]
    assert "  later: 3                           # new\n" in completed_text(params)
    assert not drift_of(params, ROOT).edited


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a recipe of the folder recipes/."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()

    def recipe(name: str, text: str) -> Path:
        path = Path("recipes") / f"{name}.yaml"
        path.write_text(text)
        return path

    return recipe


def origins(path: Path) -> Mapping[str, Any]:
    found = resolve(read_document(path))
    return {".".join(map(str, key)): each.file for key, each in found.origins.items()}


def test_a_recipe_has_its_own_values_then_those_it_extends_then_defaults(write: Write) -> None:
    write("a", "name: a\nlora:\n  r: 1\n  alpha: 1\n  dropout: 0.1\ntrain:\n  max_steps: 5\n")
    write("b", "extends: a\nname: b\ndescription: B\nlora:\n  r: 2\n  alpha: 2\n")
    path = write("c", "extends: b\nlora:\n  r: 3\ntrain:\n  max_steps:\n  lr:\n")
    recipe = read_recipe(path)
    assert (recipe.lora.r, recipe.lora.alpha, recipe.lora.dropout) == (3, 2, 0.1)
    assert recipe.train.max_steps is None, "empty is a value where a key may be empty"
    assert recipe.train.lr == 0.0002, "and left out where it may not"
    assert (recipe.name, recipe.description) == ("unnamed", "Defaults and flags."), "its own alone"
    assert origins(path) == {
        "lora.r": "recipes/c.yaml",
        "train.max_steps": "recipes/c.yaml",
        "lora.alpha": "recipes/b.yaml",
        "lora.dropout": "recipes/a.yaml",
    }


def test_a_section_with_nothing_in_it_keeps_what_it_extends(write: Write) -> None:
    write("a", "lora:\n  r: 1\n")
    assert read_recipe(write("b", "extends: a\nlora:\n")).lora.r == 1


def faults(path: Path) -> tuple[str, list[Fault]]:
    with pytest.raises(RecipeFaultsError) as caught:
        read_recipe(path)
    return str(caught.value), list(caught.value.faults)


def test_a_fault_is_told_in_the_file_that_has_it(write: Write) -> None:
    write("a", "# a comment\nlora:\n  r: many\n  alpha: 1\n")
    text, found = faults(write("b", "extends: a\nlora:\n  alpha: few\n"))
    assert len(found) == 2
    assert text.splitlines() == [
        "recipes/b.yaml: 2 faults",
        "recipes/b.yaml:3:10: lora.alpha: few: must be an integer from 1 to 4096",
        "    3 |   alpha: few",
        "      |          ^~~",
        "recipes/a.yaml:3:6: lora.r: many: must be an integer from 1 to 1024",
        "    3 |   r: many",
        "      |      ^~~~",
    ]


def test_a_rule_that_a_default_breaks_is_told_at_the_key_that_is_there(write: Write) -> None:
    text, _ = faults(write("a", "codec:\n  name: semanticodec\n"))
    assert text.splitlines()[1:3] == [
        "recipes/a.yaml:2:9: codec.codebooks: 8 (the default): semanticodec has 2 codebooks",
        "    2 |   name: semanticodec",
    ]
    assert text.splitlines()[-1] == "  fix: take 1 to 2"


def test_where_there_is_no_other_recipe_none_is_listed(write: Write) -> None:
    _, (fault,) = faults(write("mine", "name: mine\nextends: ../../etc/passwd\n"))
    assert fault.rule == "there is no recipe recipes/../../etc/passwd.yaml"
    assert fault.fix == "no other recipe is in this folder"


@pytest.mark.parametrize(
    ("value", "rule", "fix"),
    [
        ("dmeo", "there is no recipe recipes/dmeo.yaml", "did you mean 'demo'?"),
        ("demo.yaml", "there is no recipe recipes/demo.yaml.yaml", "did you mean 'demo'?"),
        ("zzzzzz", "there is no recipe recipes/zzzzzz.yaml", "there are demo, other"),
        ("../x", "there is no recipe recipes/../x.yaml", "there are demo, other"),
        ("mine", "a recipe cannot extend itself", "remove it"),
        ("[demo, other]", "must be the name of one recipe in this folder", "for example"),
        ("", "must be the name of one recipe in this folder", "for example"),
        ("5", "must be the name of one recipe in this folder", "for example"),
    ],
)
def test_what_cannot_be_extended_is_told_at_its_line(
    write: Write, value: str, rule: str, fix: str
) -> None:
    write("demo", "name: demo\n")
    write("other", "name: other\n")
    _, (fault,) = faults(write("mine", f"name: mine\nextends: {value}\n"))
    assert (fault.key, fault.rule) == ("extends", rule)
    assert fault.fix.startswith(fix)
    assert fault.place.line == 2


def test_a_circle_is_told_where_it_closes(write: Write) -> None:
    write("a", "name: a\nextends: b\n")
    write("b", "extends: c\n")
    text, (fault,) = faults(write("c", "extends: a\n"))
    assert fault.rule == "these recipes extend one another in a circle: c, a, b, c"
    assert "\nrecipes/b.yaml:1:10: extends: c: " in text


def test_faults_of_values_are_told_beside_one_of_extends(write: Write) -> None:
    _, found = faults(write("a", "extends: gone\nlora:\n  r: x\n"))
    assert [fault.key for fault in found] == ["extends", "lora.r"]


def test_a_recipe_that_is_no_yaml_is_told_as_such(write: Write) -> None:
    write("a", "a: [\n")
    with pytest.raises(RecipeError, match=r"recipes/a.yaml:2:1: not YAML"):
        read_recipe(write("b", "extends: a\n"))


def test_the_active_recipe_extends_nothing(write: Write) -> None:
    write("demo", "name: demo\n")
    path = Path("params.yaml")
    path.write_text("extends: demo\n")
    text, (fault,) = faults(path)
    assert fault.rule == "params.yaml extends no recipe: DVC reads every value from it"
    assert "yue use" in fault.fix
    assert text.startswith("params.yaml: 1 fault\nparams.yaml:1:1: extends: params.yaml extends")


def test_keys_that_are_left_out_are_named() -> None:
    document = parse_document("\n".join(LINES), "params.yaml")
    assert left_out(document) == []
    text = "\n".join(LINES).replace("  r: 8 ", "  # ").replace("  alpha: 16 ", "  alpha: # ")
    assert left_out(parse_document(text, "params.yaml")) == ["lora.r", "lora.alpha"]
