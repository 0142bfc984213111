"""The `yue` command as a user meets it, in processes of its own."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from yue.cli import STAGES, TOOLS, build_parser, main
from yue.files import write_text

ROOT = Path(__file__).resolve().parent.parent


def yue(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "yue", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        check=False,
    )


@pytest.mark.parametrize("verb", [*STAGES, *TOOLS])
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    parser = build_parser(verb)
    text = parser._subparsers._group_actions[0].choices[verb].format_help()
    assert "example:" in text
    assert f"yue {verb}" in text


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["validate"],
        ["schema", "lora.r"],
        ["mmap", "--help"],
        ["recipes"],
        ["index", "--help"],
    ],
)
def test_light_verbs_never_import_torch(words: list[str]) -> None:
    code = (
        "import sys\nfrom yue.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("verb", STAGES)
def test_a_stage_outside_a_project_says_what_to_do(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([verb]) == 2
    error = capsys.readouterr().err
    assert "no params.yaml" in error
    assert "yue init DIR" in error
    has_flags = len(build_parser(verb)._subparsers._group_actions[0].choices[verb]._actions) > 1
    assert ("see --help" in error) is has_flags
    (tmp_path / "recipes").mkdir()
    assert main([verb]) == 2
    assert "yue use recipes/demo.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tokenise", "--help"], "no verb 'tokenise'; did you mean 'tokenize'?"),
        (["--debug", "convrt", "validate"], "no verb 'convrt'; did you mean 'convert'?"),
        (["zzz"], "no verb 'zzz'\n  fix: `yue --help` lists"),
    ],
)
def test_a_wrong_verb_is_a_usage_error_with_the_nearest(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "--lora-rank", "8"], "no flag '--lora-rank'; did you mean '--lora-r'?"),
        (["train", "--rank=8"], "no flag '--rank'; did you mean '--lora-r'?"),
        (["train", "--modle", "m"], "no flag '--modle'; did you mean '--model'?"),
        (["convert", "--output-dri", "o"], "did you mean '--output-dir'?"),
        (["recipes", "--zzz"], "no flag '--zzz'\n  fix: `yue recipes --help` lists"),
        (["recipes", "demo", "x"], "cannot use the word 'x'"),
        (["recipes", "--debug"], "--debug goes before the verb: yue --debug recipes"),
        (["mix", "plan", "--temprature", "2"], "no flag '--temprature'; did you mean"),
    ],
)
def test_a_wrong_flag_is_told_by_its_verb_with_the_nearest(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith(f"yue {words[0]}: ")
    assert error.endswith(f"\n  fix: `yue {words[0]} --help` lists what it takes\n")
    assert error.count("\n") == 2, "not the usage: it is 35 lines where flags are recipe keys"


def test_what_the_system_refuses_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    assert main(["init", str(tmp_path / "file")]) == 1
    assert "remove it, or name another place" in capsys.readouterr().err

    monkeypatch.setattr(
        "yue.tokens.megatron_files.count", lambda _: write_text(tmp_path / "file" / "deep", "")
    )
    assert main(["count", "x"]) == 1
    assert "a file is where a folder belongs" in capsys.readouterr().err

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "part"))

    monkeypatch.setattr("yue.tokens.megatron_files.count", full)
    assert main(["count", "x"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"yue count: {tmp_path / 'part'}: No space left on device")
    assert "free some disk space" in error
    with pytest.raises(OSError, match="No space left"):
        main(["--debug", "count", "x"])


def test_the_version_names_what_results_depend_on(tmp_path: Path) -> None:
    done = yue("--version", cwd=tmp_path)
    assert done.returncode == 0
    for name in ("yue 0", "Python 3", "torch 2.11", "peft", "deepspeed"):
        assert name in done.stdout


def test_the_shell_completes_verbs_and_flags(tmp_path: Path) -> None:
    script = yue("completion", "bash", cwd=tmp_path).stdout
    for word in ("tokenize", "pipeline", "--codec-type", "--lora-r"):
        assert word in script
    check = subprocess.run(["bash", "-n"], input=script, text=True, check=False)
    assert check.returncode == 0
