"""Which inputs DVC would make by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.conftest import ROOT
from yue.inputs.made import fetching_stage, is_made

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


def test_the_released_weights_are_made() -> None:
    assert is_made("models/YuE-s1-7B-anneal-en-cot/tokenizer.model", ROOT)
    assert is_made("models/xcodec_mini_infer", ROOT)
    assert not is_made("models/other", ROOT)


def test_weights_of_the_ready_recipes_are_downloaded_by_a_stage() -> None:
    stage = "models/dvc.yaml:fetch@xcodec_mini_infer"
    assert fetching_stage("models/xcodec_mini_infer", ROOT) == stage
    assert fetching_stage("models/YuE-s1-7B-anneal-en-cot/tokenizer.model", ROOT) is not None
    assert fetching_stage("demo/work/codec", ROOT) is None, "made here, not downloaded"
    assert fetching_stage("songs", ROOT) is None
    assert fetching_stage("/models/xcodec_mini_infer", ROOT) is None
