"""Which inputs DVC would make by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from yue.inputs.pipeline_outputs import is_made, stages_of

PIPELINE = """
stages:
  songs:
    cmd: x
    outs: [work/songs, {work/model: {cache: false}}]
  up:
    wdir: ..
    cmd: x
    outs: [demo/other]
  each:
    foreach: {one: {a: 1}, two: {a: 2}}
    do: {cmd: x, outs: ["made/${key}"]}
  list:
    foreach: [three]
    do: {cmd: x, outs: ["made/${item}"]}
"""


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("demo/work/songs", True),
        ("./demo/work/songs/", True),
        ("demo/work/songs/deep/er", True),
        ("demo/work/model", True),
        ("demo/other", True),
        ("demo/made/one", True),
        ("demo/made/three", True),
        ("demo/made/four", False),
        ("demo/work", False),
        ("demo/work/songs2", False),
        ("songs", False),
        ("added/x", True),
        ("/demo/work/songs", False),
    ],
)
def test_outputs_of_pipeline_files_above_the_path(tmp_path: Path, path: str, made: bool) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "added.dvc").write_text("outs:\n- path: added\n")
    assert is_made(path, tmp_path) is made


@pytest.mark.parametrize("text", ["", "a: [", "stages: 3", "stages: {a: {cmd: x}}", "\0"])
def test_a_pipeline_file_that_says_nothing_makes_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvc.yaml").write_text(text)
    assert is_made("songs", tmp_path) is False


def test_stages_with_what_they_make_and_read(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "dvc.yaml").write_text(
        "vars: [x.yaml]\nstages:\n  a:\n    foreach: ${a}\n    do:\n      wdir: ..\n"
        "      cmd: x\n      deps: [demo/in]\n      outs: [demo/out]\n"
    )
    (stage,) = stages_of(tmp_path, "demo")
    assert (stage.name, stage.deps, stage.outs) == ("a", ("demo/in",), ("demo/out",))
    assert is_made("demo/out/file", tmp_path)
