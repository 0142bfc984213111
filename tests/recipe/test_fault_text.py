"""What git leaves in a recipe that it could not merge."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recipe.conftest import demo_lines, line_of, with_value
from yue.cli import main
from yue.recipe.fault_text import Fault, conflict_lines

Faults = Callable[[str], list[Fault]]


def merged(folder: Path, *style: str) -> str:
    """params.yaml after git could not merge two values of one key."""
    for name, value in (("ours", "32"), ("base", "8"), ("theirs", "16")):
        (folder / name).write_text(with_value("lora.r", value))
    words = ["git", "merge-file", "-p", *style, "ours", "base", "theirs"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    return done.stdout


@pytest.mark.parametrize(("style", "marks"), [((), 3), (("--diff3",), 4)])
def test_git_s_marks_are_told_with_their_lines(
    faults_of: Faults, tmp_path: Path, style: tuple[str, ...], marks: int
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    text = merged(folder, *style)
    lines = [n for n, line in enumerate(text.splitlines(), 1) if line[:7] in MARKS]
    assert len(lines) == marks
    (fault,) = faults_of(text)
    assert fault.place.line == lines[0] == line_of("lora.r") + 1
    assert f"at lines {', '.join(map(str, lines))}: two versions" in fault.rule
    assert "git checkout --ours params.yaml" in fault.fix


MARKS = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")


def test_a_mark_that_was_overlooked_is_told(faults_of: Faults) -> None:
    (fault,) = faults_of("\n".join([*demo_lines(), ">>>>>>> theirs"]))
    assert fault.rule.startswith(f"git's conflict marks, at line {len(demo_lines()) + 1}: ")


@pytest.mark.parametrize(
    "text", ["a: <<<<<<< b", "# =======", "========", "<<<<<<<<", " ======= ", "=======a"]
)
def test_other_text_is_no_mark(text: str) -> None:
    assert conflict_lines(f"name: a\n{text}\n") == []


def test_windows_lines_do_not_matter() -> None:
    assert conflict_lines("a\r\n=======\r\n>>>>>>> b\r\n") == [2, 3]


def test_use_and_validate_stop_at_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "name: a\n<<<<<<< HEAD\n=======\n>>>>>>> b\n"
    (tmp_path / "params.yaml").write_text(text)
    for words in (["validate"], ["use", "params.yaml"]):
        assert main(words) == 2
        assert "params.yaml:2:1: git's conflict marks, at lines 2, 3, 4" in capsys.readouterr().err
    assert (tmp_path / "params.yaml").read_text() == text
