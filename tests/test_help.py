"""What ``--help`` says a flag's default is, is what the verb uses."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from yue.cli import STAGES, TOOLS, build_parser, load_verb, main
from yue.commands.generate import how_to_sample
from yue.commands.projects import PIPELINE_SECTIONS, PREPROCESS_SECTIONS
from yue.commands.train import job_of_flags
from yue.errors import UsageError
from yue.recipe.flags import flag_names, recipe_from_flags, value_words
from yue.recipe.model import Recipe
from yue.recipe.read import default_recipe, read_recipe
from yue.recipe.schema import keys

CODECS = ("xcodec", "melrvq", "semanticodec")


def verb_parser(verb: str) -> argparse.ArgumentParser:
    found = build_parser(verb)._subparsers._group_actions[0].choices[verb]
    assert isinstance(found, argparse.ArgumentParser)
    return found


def told_defaults(verb: str) -> dict[str, str]:
    """What help says, by dotted key."""
    parser = verb_parser(verb)
    helps: dict[str, str] = {}
    for action in parser._actions:
        helps.setdefault(action.dest, action.help or "")  # --bf16 has its flag's attribute too
    told = {}
    for dotted, dest in flag_names(parser).items():
        (told[dotted],) = re.findall(r"; default: (.*)\)$", helps[dest].replace("%%", "%"))
    return told


def value_of(recipe: Any, dotted: str) -> str:
    section, name = dotted.split(".")
    return value_words(getattr(getattr(recipe, section), name))


WITH_FLAGS = [verb for verb in {**STAGES, **TOOLS} if flag_names(verb_parser(verb))]


def convert(words: list[str], monkeypatch: pytest.MonkeyPatch) -> Recipe:
    found: list[Recipe] = []

    def keep(_a: Path, _b: Path, recipe: Recipe, **_: object) -> None:
        found.append(recipe)

    monkeypatch.setattr("yue.commands.convert.convert_to_folder", keep)
    monkeypatch.setattr("yue.commands.convert.print_summary", lambda *_: None)
    assert main(["convert", "--input-dir", "a", "--output-dir", "b"]) == 0
    return found[0]


def test_these_verbs_have_recipe_keys_as_flags() -> None:
    known = {"convert", "tokenize", "mmap", "train", "generate", "pipeline", "preprocess", "mix"}
    assert set(WITH_FLAGS) == known, "test the new verb's defaults below"


def test_convert(monkeypatch: pytest.MonkeyPatch) -> None:
    used = convert([], monkeypatch)
    for dotted, told in told_defaults("convert").items():
        assert told == value_of(used, dotted), dotted


def test_train_and_mix() -> None:
    words = ["train", "--model", "m", "--data-dir", "C", "--output-dir", "D", "--device", "cpu"]
    args = build_parser("train").parse_args(words)
    recipe = recipe_from_flags(args, "mix", "model", "lora", "train", "launch", "logging")
    used = job_of_flags(args, recipe).recipe
    told = told_defaults("train")
    assert told.pop("model.path") == "none, needed with --data-dir"
    assert told.pop("model.dtype").startswith(f"{used.model.dtype} on a CPU")
    for dotted, words_of in told.items():
        assert words_of == value_of(used, dotted), dotted
    with pytest.raises(UsageError, match="also needs --model"):
        build_and_run("train", ["--data-dir", "C", "--output-dir", "D"])
    args = build_parser("mix").parse_args(["mix", "plan", "--data-dir", "C"])
    used_by_mix = recipe_from_flags(args, "mix", "train")
    for dotted, words_of in told_defaults("mix").items():
        assert words_of == value_of(used_by_mix, dotted), dotted


def build_and_run(verb: str, words: list[str]) -> None:
    load_verb(verb).run(build_parser(verb).parse_args([verb, *words]))


def test_mmap_and_tokenize(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    used: dict[str, Any] = {}

    def keep(*_: object, options: Any, **__: object) -> None:
        used["options"] = options
        raise UsageError("enough")

    monkeypatch.setattr("yue.tokens.write_files.write_token_sets", keep)
    words = ["--songs", "s", "--output-prefix", "p", "--codec-type", "xcodec", "--tokenizer", "t"]
    with pytest.raises(UsageError, match="enough"):
        build_and_run("mmap", words)
    told = told_defaults("mmap")
    assert told.pop("tokens.tokenizer") == "none, needed with --songs"
    for dotted, words_of in told.items():
        name = dotted.partition(".")[2]
        if hasattr(used["options"], name):
            assert words_of == value_words(getattr(used["options"], name)), dotted
        else:
            assert words_of == value_of(default_recipe(), dotted), dotted
    from yue.codecs.registry import CodecChoice, about

    choice = CodecChoice.of_flags("dac44k", None, None, None)
    told = told_defaults("tokenize")
    assert (choice.weights, choice.codebooks) == (about("dac44k").folder, about("dac44k").codebooks)
    assert told["codec.path"] == "the codec's own, see `yue codecs`"
    assert told["codec.codebooks"] == "the codec's own"
    assert (told["runtime.device"], told["runtime.workers"]) == (choice.device, "0")


def test_generate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = told_defaults("generate")
    monkeypatch.chdir(tmp_path)
    root = Path(__file__).resolve().parents[1]
    text = (root / "recipes" / "demo.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    args = build_parser("generate").parse_args(["generate"])
    alone = how_to_sample(args, of_project=False)
    inside = how_to_sample(args, of_project=True)
    active = read_recipe(tmp_path / "params.yaml").generate
    assert told.pop("generate.prompts") == "1, the song of --lyrics"
    assert told.pop("generate.max_sections") == "none: a song is sung to its end"
    assert (alone.max_sections, inside.max_sections) == (None, None)
    assert active.max_sections is not None  # which is the case that needs its own words
    for dotted, words in told.items():
        name = dotted.partition(".")[2]
        expected = f"the active recipe's in a project, else {value_words(getattr(alone, name))}"
        assert words == expected, dotted
        assert getattr(inside, name) == getattr(active, name), dotted


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("songs")


def by_codec(told: str, codec: str) -> str:
    """The part of ``1; 4 with melrvq or semanticodec`` that is about a codec."""
    first, *others = told.split("; ")
    for other in others:
        value, _, codecs = other.partition(" with ")
        if codec in codecs.split(" or "):
            return value
    return first


def made_by_pipeline(songs: Path, folder: Path, codec: str) -> Recipe:
    model = "models/YuE-s1-7B-anneal-en-cot"
    words = ["--input-dir", str(songs), "--output-dir", str(folder), "--model", model, "--dry-run"]
    chosen = [] if codec == "xcodec" else ["--codec-type", codec]
    assert main(["pipeline", *words, *chosen]) == 0
    return read_recipe(folder / "params.yaml")


def made_by_preprocess(
    songs: Path, folder: Path, codec: str, monkeypatch: pytest.MonkeyPatch
) -> Recipe:
    for name in ("check_arrays", "adopt_arrays"):
        monkeypatch.setattr(f"yue.commands.projects.{name}", lambda *_: None)
    monkeypatch.setattr("yue.commands.projects.run_order", lambda _: None)
    chosen = [] if codec == "xcodec" else ["--codec-type", codec]
    assert main(["preprocess", "--data-dir", str(songs), "--output-dir", str(folder), *chosen]) == 0
    return read_recipe(folder / "params.yaml")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("verb", ["pipeline", "preprocess"])
def test_pipeline_and_preprocess(
    verb: str, codec: str, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers: Mapping[str, Callable[[], Recipe]] = {
        "pipeline": lambda: made_by_pipeline(songs, tmp_path / "p", codec),
        "preprocess": lambda: made_by_preprocess(songs, tmp_path / "p", codec, monkeypatch),
    }
    used = makers[verb]()
    told = told_defaults(verb)
    own = {
        "codec.name": "xcodec",  # where none is given
        "codec.path": "the codec's own, see `yue codecs`",
        "model.path": "none, needed without --recipe or --skip-steps train",
        "data.songs_dir": "",
    }
    for dotted, words in told.items():
        if dotted in own:
            assert words == own[dotted]
            continue
        plain = words.removeprefix("the given model's tokenizer.model, else ")
        plain = plain.replace(", or all of a codec that has fewer", "")
        assert by_codec(plain, codec) == value_of(used, dotted), dotted


def test_pipeline_has_every_key_but_the_songs_folder() -> None:
    named = set(told_defaults("pipeline"))
    assert {key.dotted for key in keys() if key.section} - named == {"data.songs_dir"}
    assert set(PIPELINE_SECTIONS) >= set(PREPROCESS_SECTIONS)
