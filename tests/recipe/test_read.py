"""What a user is told about a recipe that cannot be used: place, value, rule, mending."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recipe.conftest import RECIPES, demo_lines, line_of, with_value
from yue.errors import RecipeError
from yue.recipe.fault_text import Fault, Place
from yue.recipe.read import read_recipe
from yue.recipe.schema import keys_of
from yue.recipe.yaml_positions import read_document
from yue.tokens.layouts.table import LAYOUTS

Faults = Callable[[str], list[Fault]]
Message = Callable[[str | bytes], str]


def read_text(path: Path, text: str) -> object:
    path.write_text(text)
    return read_recipe(path)


def test_a_wrong_value_is_told_with_place_excerpt_caret_and_rule(message_of: Message) -> None:
    text = with_value("lora.r", "abc  # rank")
    line = line_of("lora.r") + 1
    assert message_of(text).splitlines() == [
        "params.yaml: 1 fault",
        f"params.yaml:{line}:6: lora.r: abc: must be an integer from 1 to 1024",
        f"{line:>5} |   r: abc  # rank",
        "      |      ^~~",
    ]


@pytest.mark.parametrize(
    ("column", "width", "shown", "caret"),
    [
        (1, 3, (0, 100), "^~~"),
        (51, 1, (0, 100), " " * 50 + "^"),
        (52, 2, (1, 101), " " * 50 + "^~"),  # 50 characters stand before the value
        (52, 200, (1, 101), " " * 50 + "^" + "~" * 49),  # no longer than what is shown
        (120, 9, (69, 120), " " * 50 + "^"),
    ],
)
def test_the_excerpt_of_a_long_line_is_around_the_value(
    column: int, width: int, shown: tuple[int, int], caret: str
) -> None:
    line = "".join(chr(ord("a") + n % 26) for n in range(120))
    fault = Fault(Place(2, column, width), "lora.r", "x", "wrong")
    assert fault.render("params.yaml", ["lora:", line]).splitlines() == [
        f"params.yaml:2:{column}: lora.r: x: wrong",
        f"    2 | {line[slice(*shown)]}",
        f"      | {caret}",
    ]


@pytest.mark.parametrize(
    ("dotted", "value", "rule", "fix"),
    [
        ("lora.r", "0", "must be an integer from 1 to 1024", ""),
        ("lora.r", "8.5", "must be an integer from 1 to 1024", ""),
        ("lora.r", '"8"', "must be an integer from 1 to 1024", "remove the quotes"),
        ("lora.r", "true", "must be an integer from 1 to 1024", ""),
        ("lora.r", "9" * 5000, "must be an integer from 1 to 1024", "write a shorter"),
        ("lora.r", "{a: 1}", "must be an integer from 1 to 1024", ""),
        ("train.lr", ".nan", "must be a number above 0, at most 1", "write a finite number"),
        ("train.lr", "-.inf", "must be a number above 0, at most 1", "write a finite number"),
        ("train.lr", "1e999", "must be a number above 0, at most 1", "write a finite number"),
        ("lora.rslora", "no", "must be true or false", "write false: in YAML 1.2 'no' is text"),
        ("lora.rslora", "On", "must be true or false", "write true: in YAML 1.2 'On' is text"),
        ("lora.rslora", "1", "must be true or false", ""),
        ("convert.normalize", "peek", "must be one of peak, loudness, none", "mean 'peak'?"),
        ("tokens.layout", "plain", f"must be one of {', '.join(LAYOUTS)}", ""),
        ("data.songs_dir", "12", "must be a path", "put it in quotes"),
        ("data.songs_dir", "2024-01-01", "must be a path", "put the value in quotes"),
        ("data.songs_dir", '"a\\nb"', "must be one line without control characters", ""),
        ("data.songs_dir", "!!python/name:os.system", "must be a path", "no anchors"),
        ("train.loss_on", "vocal", "must be a list of one or more", "write a list: [vocal]"),
        ("lora.target_modules", "all", "must be all-linear, or a list", ""),
        ("lora.target_modules", "[q_proj, q_proj]", "one or more different of", ""),
    ],
)
def test_each_kind_of_wrong_value(
    faults_of: Faults, dotted: str, value: str, rule: str, fix: str
) -> None:
    [fault] = faults_of(with_value(dotted, value))
    assert fault.key == dotted
    assert rule in fault.rule
    assert fix in fault.fix
    assert fault.place.line == line_of(dotted) + 1
    assert bool(fix) == bool(fault.fix)


def test_a_wrong_item_of_a_list_is_pointed_at(faults_of: Faults) -> None:
    [fault] = faults_of("\n".join(demo_lines()).replace("- instrumental", "- instrumentla"))
    assert fault.key == "train.loss_on[2]"
    assert fault.place.line == line_of("train.loss_on") + 4
    assert fault.fix == "did you mean 'instrumental'?"


def names(section: str) -> str:
    return ", ".join(key.name for key in keys_of(section))


@pytest.mark.parametrize(
    ("section", "wrong", "meant"),
    [
        ("lora", "rank", "r"),
        ("lora", "drop_out", "dropout"),
        ("lora", "lr", "train.lr"),
        ("train", "learning_rate", "lr"),
        ("train", "num_train_epochs", "epochs"),
        ("train", "Warmup-Ratio", "warmup_ratio"),
        ("convert", "sr", "sample_rate"),
        ("codec", "codec_type", "name"),
        ("", "learning_rate", "train.lr"),
        ("", "trian", "train"),
    ],
)
def test_an_unknown_key_finds_the_one_that_was_meant(
    faults_of: Faults, section: str, wrong: str, meant: str
) -> None:
    lines = demo_lines()
    place = lines.index(f"{section}:") + 1 if section else len(lines)
    lines.insert(place, f"{'  ' if section else ''}{wrong}: 8")
    [fault] = faults_of("\n".join(lines))
    assert fault.rule == f"unknown key; did you mean '{meant}'?"
    assert (fault.place.line, fault.place.column) == (place + 1, 3 if section else 1)
    assert fault.place.width == len(wrong)


def test_an_unknown_key_like_no_other_is_told_what_there_is(faults_of: Faults) -> None:
    [fault] = faults_of("\n".join([*demo_lines(), "  zzzzzz: 1"]))
    assert fault.rule == "unknown key"
    assert fault.fix == f"logging takes {names('logging')}"


def test_a_misspelt_key_is_one_fault_not_two(faults_of: Faults) -> None:
    text = "\n".join(demo_lines()).replace("  dropout:", "  dropuot:")
    [fault] = faults_of(text)
    assert fault.rule == "unknown key; did you mean 'dropout'?"


def test_a_section_that_is_no_section_is_one_fault(faults_of: Faults) -> None:
    lines = demo_lines()
    [fault] = faults_of("\n".join([*lines[: lines.index("logging:")], "logging: 5"]))
    assert (fault.key, fault.rule) == (
        "logging",
        f"must be a section with the keys {names('logging')}",
    )


def test_duplicate_keys_are_refused_with_both_lines(faults_of: Faults) -> None:
    lines = demo_lines()
    first = line_of("lora.r") + 1
    lines.insert(first + 2, "  r: 16")
    lines.append("name: again")
    one, two = faults_of("\n".join(lines))
    assert (one.key, one.place.line) == ("lora.r", first + 3)
    assert one.rule == f"duplicate key: line {first} has it already"
    assert (two.key, two.place.line) == ("name", len(lines))


def test_everything_is_reported_at_once_in_the_order_of_lines(faults_of: Faults) -> None:
    text = with_value("lora.r", "abc").replace("  lr: 0.008", "  lr: .nan")
    text = text.replace("  micro_batch_size: 4", "  micro_batch_size: 3")
    text = text.replace("  path: demo/work/base", "  path: ../base").replace("  mono: true\n", "")
    text += "extra: 1\n"
    found = faults_of(text)
    assert {fault.key for fault in found} == {
        "extra", "lora.r", "train.lr", "train.micro_batch_size", "model.path",
    }  # fmt: skip
    places = [fault.place for fault in found]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["params.yaml:1:1: the file is empty", "yue recipes"]),
        ("# only a comment\n", ["params.yaml:1:1: the file is empty"]),
        ("- a\n- b\n", ["params.yaml:1:1: not sections at the top"]),
        ("just words\n", ["params.yaml:1:1: not sections at the top"]),
        ("a: 1\n\tb: 2\n", ["params.yaml:2:1: not YAML", "indent with spaces"]),
        ("a: [1,\n", ["params.yaml:2:1: not YAML"]),
        ("a: b: c\n", ["params.yaml:1:5: not YAML: mapping values are not allowed here"]),
        ("a: *x\n", ["params.yaml:1:4: not YAML: found undefined alias 'x'"]),
        ("a: 1\n---\nb: 2\n", ["params.yaml:2:1: not YAML: but found another document"]),
        ("a: 1\nb: \x00\n", ["params.yaml:2:4: not YAML: a character"]),
        ("%YAML 1.1\n---\na: no\n", ["params.yaml:1:1: a directive; a recipe is plain YAML 1.2"]),
        ("[" * 600, ["params.yaml:1:1: nested too deeply"]),
        (b"a: 1\nb: x\xff\n", ["params.yaml:2:5: not UTF-8 (byte 0xff)", "save the file as UTF-8"]),
        ("? [a, b]\n: 1\n", ["params.yaml:1:3: a key must be a word"]),
    ],
)
def test_text_that_is_no_recipe(message_of: Message, text: str | bytes, words: list[str]) -> None:
    message = message_of(text)
    assert [word for word in words if word not in message] == []


def test_a_bomb_of_aliases_is_refused_at_once(faults_of: Faults) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    faults = faults_of("\n".join([*rows, *demo_lines()]))
    assert {fault.key for fault in faults} == {f"a{n}" for n in range(30)}


def test_an_anchored_section_is_told_to_be_plain(faults_of: Faults) -> None:
    text = "\n".join(demo_lines()).replace("\nlaunch:", "\nlaunch: &x")
    [fault] = faults_of(text)
    assert fault.fix == "write the plain value: a recipe has no anchors, aliases or tags"


def test_an_alias_loop_is_refused(message_of: Message) -> None:
    assert "a: " in message_of("a: &x [*x]\n")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(RecipeError, match="is no regular file"):
        read_document(tmp_path / "pipe.yaml")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (".", ["is a folder, not a recipe", "demo.yaml"]),
        ("dmeo.yaml", ["dmeo.yaml: no such file", "did you mean 'demo.yaml'?"]),
        ("zzzzzzz.yml", ["zzzzzzz.yml: no such file", "`yue recipes` lists"]),
        ("demo.yaml/x", ["cannot be read"]),
        ("nul\0", ["cannot be read"]),
    ],
)
def test_a_file_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, name: str, words: list[str]
) -> None:
    monkeypatch.chdir(RECIPES[0].parent)
    with pytest.raises(RecipeError) as caught:
        read_recipe(Path(name))
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_huge_file_is_refused_unread(message_of: Message) -> None:
    assert "larger than 1000000 bytes" in message_of("#" * 1_000_001)


def test_control_characters_never_reach_the_terminal(message_of: Message) -> None:
    text = with_value("data.songs_dir", "a\u009b31m")
    assert "\u009b" not in message_of(text)


def test_a_long_line_is_cut_around_the_fault(message_of: Message) -> None:
    text = with_value("data.songs_dir", "{" + "a" * 400 + ": 1}")
    assert max(len(line) for line in message_of(text).splitlines()) < 200


@pytest.mark.parametrize(
    ("dotted", "text", "value"),
    [
        ("train.lr", "1e-5", 1e-5),
        ("train.lr", "1E-5", 1e-5),
        ("train.epochs", "3", 3.0),
        ("lora.r", "16.0", 16),
        ("train.max_steps", "1e3", 1000),
        ("train.max_steps", "~", None),
        ("convert.segment_length", "null", None),
        ("lora.rslora", "True", True),
        ("data.songs_dir", "'12:30'", "12:30"),
        ("data.songs_dir", "no", "no"),
        ("data.songs_dir", "/music/songs", "/music/songs"),
    ],
)
def test_yaml_1_2_as_it_is_meant(tmp_path: Path, dotted: str, text: str, value: object) -> None:
    recipe = read_text(tmp_path / "a.yaml", with_value(dotted, text))
    section, key = dotted.split(".")
    found = getattr(getattr(recipe, section), key)
    assert found == value
    assert type(found) is type(value)


def test_a_byte_order_mark_and_windows_lines_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(demo_lines()).encode())
    assert read_recipe(path) == read_recipe(RECIPES[0].parent / "demo.yaml")


def test_lists_become_tuples(tmp_path: Path) -> None:
    text = with_value("lora.target_modules", "[q_proj, v_proj]")
    recipe = read_text(tmp_path / "a.yaml", text)
    assert recipe.lora.target_modules == ("q_proj", "v_proj")
