"""Wrong inputs, one of each kind: no traceback, and each message names what mends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from yue.cli import main

RATE = 16_000


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong") / "project"
    assert main(["init", str(folder)]) == 0
    return folder


def edited(project: Path, *changes: tuple[str, str]) -> str:
    """Name of a recipe: the project's active one, in full, with these replacements."""
    text = (project / "params.yaml").read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    (project / "wrong.yaml").write_text(text)
    return "wrong.yaml"


def bad_songs(project: Path) -> str:
    folder = project / "bad"
    folder.mkdir(exist_ok=True)
    (folder / "song.wav").write_text("la la la")
    return str(folder)


def stale_tokens(project: Path) -> str:
    (project / "cut.bin").write_bytes(b"\0" * 8)
    (project / "cut.idx").write_bytes(b"MMIDIDX\0\0" + b"\1" * 9)
    return str(project / "cut")


def tone(project: Path) -> str:
    folder = project / "tone"
    folder.mkdir(exist_ok=True)
    samples = 0.3 * np.sin(np.arange(RATE) * 0.1)
    soundfile.write(folder / "tone.wav", samples, RATE)
    return str(folder)


Words = Callable[[Path], list[str]]


def wrong_recipe(old: str, new: str) -> Words:
    return lambda project: ["validate", edited(project, (old, new))]


def encoded(codec: str) -> Words:
    return lambda project: [
        *("tokenize", "--input-dir", tone(project), "--output-dir", "c", "--codec-type", codec)
    ]


WRONG: dict[str, tuple[Words, str]] = {
    "a verb that is none": (lambda p: ["convrt"], "convert"),
    "a flag that is none": (lambda p: ["convert", "--inptu-dir", "x"], "--inptu-dir"),
    "a recipe that is not there": (lambda p: ["use", "recipes/mine.yaml"], "did you mean"),
    "a value of the wrong type": (wrong_recipe("  r: 8 ", "  r: many "), "integer"),
    "a misspelt key": (wrong_recipe("  alpha:", "  alhpa:"), "did you mean 'alpha'"),
    "a duplicate key": (wrong_recipe("  alpha:", "  r: 4\n  alpha:"), "line"),
    "a recipe that is no YAML": (wrong_recipe("lora:", "lora: [\n"), "wrong.yaml:"),
    "a number that is none": (wrong_recipe("  lr: ", "  lr: .nan # "), "train.lr"),
    "a key that is none": (lambda p: ["schema", "lora.rank"], "lora.r"),
    "songs that are not there": (
        lambda p: ["convert", "--input-dir", "nowhere", "--output-dir", "out"],
        "nowhere",
    ),
    "songs that are no audio": (
        lambda p: ["convert", "--input-dir", bad_songs(p), "--output-dir", "out"],
        "song.wav",
    ),
    "no output folder": (lambda p: ["convert", "--input-dir", tone(p)], "--output-dir"),
    "a codec without weights": (
        encoded("xcodec"),
        "xcodec",
    ),
    "a codec that is none": (
        encoded("xcodek"),
        "xcodec",
    ),
    "rows that are not there": (
        lambda p: [
            *("mmap", "--songs", "none.jsonl", "--tokenizer", "t.model", "--codec-type", "xcodec"),
            *("--output-prefix", "out"),
        ],
        "t.model",
    ),
    "token files that are damaged": (lambda p: ["count", stale_tokens(p)], "cut.idx"),
    "token files that are not there": (lambda p: ["inspect", "nowhere"], "nowhere"),
    "training without a model": (lambda p: ["train", "--data-dir", "tokens"], "--model"),
    "training on nothing": (
        lambda p: ["train", "--model", "m", "--data-dir", "nowhere", "--output-dir", "a"],
        "nowhere",
    ),
    "a project over a project": (lambda p: ["init", "."], "--update"),
    "a pipeline without songs": (
        lambda p: ["pipeline", "--input-dir", "nowhere", "--recipe", "own-songs"],
        "nowhere",
    ),
    "a stage before the one it needs": (lambda p: ["mmap"], "dvc repro mmap"),
    "lyrics that are not there": (
        lambda p: ["generate", "--genres", "pop", "--lyrics", "none.txt", "--output-dir", "o"],
        "fix:",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_is_told_what_mends_it(
    project: Path, case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    words, told = WRONG[case]
    try:
        code = main(words(project))
    except SystemExit as usage:  # argparse's own
        code = usage.code
    text = capsys.readouterr()
    assert code in (1, 2)
    assert told in text.err + text.out
    mended_by = ("fix:", "did you mean", "must be", "expected")
    assert any(words in text.err for words in mended_by)
    assert "Traceback" not in text.err
    assert not (project / "out").exists()


def test_six_faults_are_told_at_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    faults = {
        "lora.r": ("  r: 8 ", "  r: many "),
        "rank": ("  alpha:", "  rank: 4\n  alpha:"),
        "train.lr": ("  lr: ", "  lr: -1 # "),
        "codec.name": ("  name: melrvq", "  name: xcodek"),
        "convert.mono": ("  mono: true", "  mono: perhaps"),
        "tokens.layout": ("  layout: cot", "  layout: cots"),
    }
    assert main(["validate", edited(project, *faults.values())]) == 2
    text = capsys.readouterr().err
    for key in faults:
        assert key in text
    assert "wrong.yaml: 6 faults" in text
