"""``yue generate`` outside a project."""

from __future__ import annotations

import argparse
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from transformers import LlamaForCausalLM

from tests.tokens.decoding import audio_blocks
from yue.cli import build_parser, main
from yue.codecs.registry import load_codec
from yue.commands.generate import EXAMPLE, how_to_sample
from yue.files import write_json
from yue.generation.prompt_songs import is_known
from yue.generation.sample_records import read_samples
from yue.tokens.roles import REFERENCE_MARKER, Shape
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import codec_range


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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command line for the demo's project, which has no models."""
    shutil.copy(Path(__file__).parents[2] / "recipes" / "demo.yaml", tmp_path / "params.yaml")
    (tmp_path / "work" / "adapter").mkdir(parents=True)
    (tmp_path / "song.txt").write_text("[verse]\nla di da\n")
    monkeypatch.chdir(tmp_path)
    return ["generate", "--genres", "folk", "--lyrics", "song.txt", "--output-dir", "out"]


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


def test_the_base_model_s_digest_is_kept_beside_what_is_made(
    flags: list[str], adapter_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yue.digests._FRESH", -(10**18))  # as if written long ago
    adapter = Path(shutil.copytree(adapter_path, tmp_path / "adapter"))
    write_json(adapter / "run.json", {"base_digest": "0" * 64})
    assert main([*flags, "--adapter", str(adapter)]) == 1
    assert (tmp_path / ".yue" / "models" / "digests.json").is_file()


def test_a_folder_with_other_things_is_left_alone(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("x")
    assert main(flags) == 2
    assert "holds other files" in capsys.readouterr().err
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
    given: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["generate", *given]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "demo/work/base with work/adapter, melrvq in demo/work/codec, "),
        (["--adapter", "none"], "demo/work/base with no adapter, melrvq in "),
        (["--adapter", "mine"], "demo/work/base with mine, melrvq in "),
        (["--model", "merged"], "merged with no adapter, melrvq in "),
        (["--codec-path", "fitted"], "melrvq in fitted, demo/work/tokenizer.model; "),
    ],
)
def test_in_a_project_its_recipe_and_adapter_stand_in_for_missing_flags(
    project: list[str], given: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*project, *given]) == 1  # none of the models is there
    assert words in capsys.readouterr().out


def test_in_a_project_songs_are_sampled_as_its_recipe_says(project: list[str]) -> None:
    args = build_parser("generate").parse_args([*project, "--top-k", "5"])
    how = how_to_sample(args, of_project=True)
    assert (how.seconds, how.max_sections, how.top_k) == (4.0, None, 5)
    assert how_to_sample(args, of_project=False).seconds == 30


def test_another_codec_in_a_project_needs_its_own_weights(
    project: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*project, "--codec-type", "xcodec"]) == 2
    assert "also needs --codec-path\n" in capsys.readouterr().err


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
    args = build_parser("generate").parse_args(shlex.split(EXAMPLE)[1:])
    assert isinstance(args, argparse.Namespace)
    assert args.genres == "folk female"


def test_reference_audio_goes_into_the_prompt(
    flags: list[str],
    tmp_path: Path,
    tokenizer_path: Path,
    codec_path: Path,
    base_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of two tracks or of one: the tokens that are kept are a training document of layout icl."""
    audio = np.random.default_rng(0).normal(0, 0.1, 16_000)
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", audio, 16_000)
    both = ["--vocal-prompt", f"{tmp_path}/a.wav", "--instrumental-prompt", f"{tmp_path}/b.wav"]
    named = tmp_path / "YuE-cot"
    named.symlink_to(base_path)
    flags[flags.index("--model") + 1] = str(named)
    marker = TextTokenizer(tokenizer_path).encode(REFERENCE_MARKER).tolist()
    for prompt, lanes in ((both, 2), (["--audio-prompt", f"{tmp_path}/a.wav"], 1)):
        assert main([*flags, *prompt, "--prompt-start", "0.2", "--prompt-end", "0.6"]) == 0
        assert "note: reference audio is for models that learned" in capsys.readouterr().err
        (sample,) = read_samples(tmp_path / "out")
        assert sample.tokens
        tokens = np.load(tmp_path / "out" / sample.tokens)
        ids = codec_range("melrvq").first(1)
        shape = Shape(ids, prompt_lanes=lanes, reference_marker=tuple(marker))
        first, *sections = audio_blocks(tokens, shape)
        assert first.is_prompt
        assert len(sections) == 2
        codes = load_codec("melrvq", codec_path).encode(audio[None].astype(np.float32))[0]
        assert len(first.lanes) == lanes
        assert first.lanes[0].shape == (1, 20)
        assert np.mean(first.lanes[0][0] == codes[0, 10:30]) > 0.9  # the file has 16 bits


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--lyrics": ""}, "no lyrics"),
        ({"--lyrics": " \n\n\t\n"}, "no lyrics"),
        ({"--lyrics": "[vrese]\nla\n"}, "unknown tag [vrese]\n  why: "),
        ({"--lyrics": "[vrese]\nla\n"}, "did you mean [verse]?"),
        ({"--lyrics": "[verse]\nla\n\n[strofa]\nla\n"}, "unknown tag [strofa]"),
        ({"--seconds": "60"}, "song 'my song', section 1 [verse 2]: "),
        ({"--adapter": "ADAPTER"}, "does not fit the base model"),
        ({"--codec-path": "/none"}, "no melrvq codec in /none"),
        ({"--codec-type": "xcodec", "--codec-path": "/none"}, "xcodec"),
        ({"--model": "/none"}, "no base model in /none"),
        ({"--tokenizer": "/none"}, "/none: no such tokenizer"),
        ({"--audio-prompt": "/none.wav"}, "/none.wav"),
        ({"--vocal-prompt": "/none.wav"}, "goes with generate.instrumental_prompt"),
        ({"--audio-prompt": "a.wav", "--prompt-start": "40"}, "must be after generate.prompt_st"),
        ({"--stage2": "/none"}, "no stage-2 model in /none"),
    ],
)
def test_what_cannot_work_is_refused_before_the_model_is_loaded(
    flags: list[str],
    adapter_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    words: str,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the model was loaded before everything was checked")

    monkeypatch.setattr(LlamaForCausalLM, "from_pretrained", refuse)
    for flag, value in change.items():
        if flag == "--lyrics":
            (tmp_path / "my song.txt").write_text(value)
            continue
        if value == "ADAPTER":  # of another base: the same shape, other weights
            value = str(shutil.copytree(adapter_path, tmp_path / "adapter"))
            write_json(Path(value) / "run.json", {"base_digest": "0" * 64})
        flags = [*flags, flag, value]
    assert main(flags) in (1, 2)
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_labels_of_one_s_own_are_taken_on_demand(flags: list[str], tmp_path: Path) -> None:
    (tmp_path / "my song.txt").write_text("[strofa]\nla\n")
    assert main([*flags, "--any-tag"]) == 0
    (sample,) = read_samples(tmp_path / "out")
    assert sample.lyrics == "[strofa]\nla\n\n"


def test_labels_with_words_and_numbers_are_known() -> None:
    known = ["verse", "verse 2", "pre-chorus", "prechorus", "final chorus", "guitar solo", "outro"]
    assert [label for label in [*known, "strofa", "inverse"] if is_known(label)] == known
