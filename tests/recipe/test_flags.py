"""Flags are recipe keys: the same names, defaults, help and rules."""

from __future__ import annotations

import argparse

import pytest

from yue.errors import RecipeError
from yue.recipe.flags import add_flags, recipe_from_flags
from yue.recipe.model import Recipe
from yue.recipe.read import default_recipe
from yue.recipe.schema import keys_of, sections

ALL = tuple(sections())


def parse(words: str, *names: str) -> Recipe:
    parser = argparse.ArgumentParser(prog="yue train")
    add_flags(parser, *names)
    return recipe_from_flags(parser.parse_args(words.split()), *names)


@pytest.mark.parametrize("section", ALL)
def test_without_flags_a_recipe_is_the_schema_s_defaults(section: str) -> None:
    assert parse("", section) == default_recipe()


def test_all_sections_fit_one_parser() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, *ALL)
    text = " ".join(parser.format_help().split())
    for section in ALL:
        for key in keys_of(section):
            assert " ".join(key.description.split()) in text, key.dotted
    assert parser.parse_args([]).recipe_flags["generate.seed"] == "generate_seed"


def test_the_fork_s_flags_work() -> None:
    recipe = parse("--sr 22050 --no-mono --normalize --trim-silence --max-amplitude 0.9", "convert")
    assert recipe.convert.sample_rate == 22050
    assert recipe.convert.mono is False
    assert recipe.convert.normalize == "peak"
    assert recipe.convert.max_amplitude == 0.9
    words = "--epochs 5 --batch-size 8 --lora-r 16 --lora-alpha 32 --lr 5e-4 --seq-length 2048"
    recipe = parse(
        f"{words} --lora-target-modules q_proj v_proj --model m", "train", "lora", "model"
    )
    assert (recipe.train.epochs, recipe.train.batch_size, recipe.train.lr) == (5.0, 8, 5e-4)
    assert (recipe.lora.r, recipe.lora.alpha) == (16, 32)
    assert recipe.lora.target_modules == ("q_proj", "v_proj")
    assert (recipe.train.context_length, recipe.model.path) == (2048, "m")


def test_values_are_typed_at_once() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, "train", "lora")
    words = "--epochs 5 --max-steps 1e2 --lora-target-modules all-linear"
    args = parser.parse_args(words.split())
    assert (type(args.epochs), args.max_steps) == (float, 100)
    assert args.lora_target_modules == "all-linear"
    assert args.lr is None
    assert parser.parse_args(["--max-steps", "none"]).max_steps is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--lora-r abc", "argument --lora-r: abc: must be an integer from 1 to 1024"),
        ("--lora-dropout 1", "argument --lora-dropout: 1: must be a number from 0 to below 1"),
        ("--lora-target-modules q_prog", "invalid choice: 'q_prog'"),
        ("--lora-dropout .nan", "must be a number from 0 to below 1; write a finite number"),
        ("--lora-r *x", "*x: must be an integer"),
    ],
)
def test_a_wrong_value_is_told_as_in_a_file(
    capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(words, "lora")
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_datasets_are_words_with_numbers() -> None:
    recipe = parse("--mix-datasets songs=1 pop=0.5 --mix-by weights", "mix")
    assert recipe.mix.datasets == ("songs=1", "pop=0.5")
    assert recipe.mix.by == "weights"
    with pytest.raises(RecipeError, match="--mix-datasets: a=1 a=2: names a more than once"):
        parse("--mix-datasets a=1 a=2", "mix")
    with pytest.raises(RecipeError, match="--mix-datasets: pop: must be NAME=NUMBER with a number"):
        parse("--mix-datasets pop", "mix")


def test_a_number_or_two() -> None:
    assert parse("", "generate").generate.guidance_scale == (1.5, 1.2)
    assert parse("--guidance-scale 2", "generate").generate.guidance_scale == 2.0
    assert parse("--guidance-scale 2 1", "generate").generate.guidance_scale == (2.0, 1.0)
    with pytest.raises(
        RecipeError, match=r"--guidance-scale: 0\.5: must be a number from 1 to 20$"
    ):
        parse("--guidance-scale 2 0.5", "generate")
    with pytest.raises(
        RecipeError, match=r"--guidance-scale: 0\.5: must be .* 20, or a list of two"
    ):
        parse("--guidance-scale 0.5", "generate")


def test_help_says_what_a_verb_takes_in_place_of_a_default() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, "model", own={"model.dtype": "by the device"})
    text = " ".join(parser.format_help().split())
    assert "one of float32, bfloat16; default: by the device)" in text
    assert "default: models/YuE-s1-7B-anneal-en-cot)" in text


def test_a_wrong_choice_finds_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--codec-type xcodek", "codec")
    assert "did you mean 'xcodec'?" in capsys.readouterr().err


def test_rules_between_flags_hold() -> None:
    with pytest.raises(RecipeError) as caught:
        parse("--batch-size 4 --micro-batch-size 3 --model ../m", "train", "model")
    assert str(caught.value).splitlines() == [
        "--micro-batch-size: 3: must divide train.batch_size, which is 4",
        "  fix: take one of 1, 2, 4",
        "--model: ../m: leads out of its folder by '..'",
        "  fix: write an absolute path, or link the folder into the project: experiments run in "
        "folders of their own",
    ]


def test_rules_that_reach_into_sections_the_verb_does_not_read_are_left_out() -> None:
    assert parse("--sr 44100 --no-mono", "convert").convert.sample_rate == 44100
    with pytest.raises(RecipeError, match="--sample-rate: 44100: xcodec takes 16000 Hz"):
        parse("--sr 44100", "convert", "codec")


def test_a_verb_s_own_flag_keeps_its_name_and_extra_values_count_more() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec-type")
    add_flags(parser, "codec")
    args = parser.parse_args(["--codec-type", "melrvq", "--codebooks", "4"])
    recipe = recipe_from_flags(args, "codec", codec={"name": args.codec_type, "path": "/c"})
    assert (recipe.codec.name, recipe.codec.path, recipe.codec.codebooks) == ("melrvq", "/c", 4)
    with pytest.raises(RecipeError, match="--codebooks: 9: melrvq has 8 codebooks"):
        recipe_from_flags(args, "codec", codec={"name": "melrvq", "codebooks": 9})
