"""``yue generate`` outside a project."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from yue.cli import main
from yue.commands.generate import EXAMPLE
from yue.generation.records import read_samples


@pytest.fixture
def flags(tmp_path: Path, base_path: Path, tokenizer_path: Path, codec_path: Path) -> list[str]:
    lyrics = tmp_path / "my song.txt"
    lyrics.write_text("[verse 2]\nla di da\n\n[outro]\n")
    return [
        "generate", "--model", str(base_path), "--tokenizer", str(tokenizer_path),
        "--codec-type", "melrvq", "--codec-path", str(codec_path), "--genres", "folk",
        "--lyrics", str(lyrics), "--output-dir", str(tmp_path / "out"), "--seconds", "0.3",
        "--device", "cpu", "--guidance-scale", "1.2", "--seed", "8",
    ]  # fmt: skip


def test_the_base_model_alone_sings_lyrics_from_a_file(flags: list[str], tmp_path: Path) -> None:
    assert main(flags) == 0
    (sample,) = read_samples(tmp_path / "out")
    assert (sample.song_id, sample.model, sample.split) == ("my song", "base", "given")
    assert sample.lyrics == "[verse 2]\nla di da\n\n[outro]\n\n"
    assert [section.text for section in sample.sections] == [
        "[verse 2]\nla di da\n\n",
        "[outro]\n\n",
    ]
    assert sample.seed == 8


def test_with_an_adapter_both_models_sing(
    flags: list[str], adapter_path: Path, tmp_path: Path
) -> None:
    assert main([*flags, "--adapter", str(adapter_path)]) == 0
    assert [s.model for s in read_samples(tmp_path / "out")] == ["base", "tuned"]
    assert main([*flags, "--adapter", str(adapter_path), "--no-compare-base"]) == 0
    assert [s.model for s in read_samples(tmp_path / "out")] == ["tuned"]


def test_a_folder_with_other_things_is_left_alone(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("x")
    assert main(flags) == 2
    assert "holds something else" in capsys.readouterr().err
    assert (tmp_path / "out" / "thesis.txt").read_text() == "x"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--lyrics", "x.txt"], "also needs --model, --codec-type"),
        (["--seconds", "5"], "or no flag at all"),
        (["--adapter", "x"], "or no flag at all"),
    ],
)
def test_half_a_command_line_names_the_rest(
    given: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", *given]) == 2
    assert words in capsys.readouterr().err


def test_a_value_that_no_recipe_could_have_is_refused(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*flags, "--top-p", "1.5"])
    assert "--top-p" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_number_of_prompts_belongs_to_projects(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags, "--prompts", "2"]) == 2
    assert "--prompts counts the songs of a project" in capsys.readouterr().err


def test_the_example_parses() -> None:
    import shlex

    from yue.cli import build_parser

    args = build_parser("generate").parse_args(shlex.split(EXAMPLE)[1:])
    assert isinstance(args, argparse.Namespace)
    assert args.genres == "folk female"
