"""Paths with characters that DVC, YAML or a shell read in their own way."""

from __future__ import annotations

from pathlib import Path

import pytest
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides

from yue.cli import main
from yue.recipe.read import read_recipe

NAMES = ["a$b c", 'it\'s "so"', "$(x) `y`", "#1 & {2}", "[a]: b, *c", "ü %s @ !"]


@pytest.mark.parametrize("name", NAMES)
def test_a_project_and_its_songs_may_lie_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    songs, project = tmp_path / name / "songs", tmp_path / name / "project"
    songs.mkdir(parents=True)
    words = ["--input-dir", str(songs), "--output-dir", str(project), "--recipe", "own-songs"]
    assert main(["pipeline", *words, "--dry-run"]) == 0
    params = project / "params.yaml"
    assert read_recipe(params).data.songs_dir == str(songs)
    apply_overrides(params, ["lora.r=16"])  # as `dvc exp run -S lora.r=16` does
    recipe = read_recipe(params)
    assert (recipe.data.songs_dir, recipe.lora.r) == (str(songs), 16)
    monkeypatch.chdir(project)
    assert main(["validate"]) == 0
    with Repo(str(project)) as repo:
        deps = [str(dep) for stage in repo.index.stages for dep in stage.deps]
    assert str(songs) in deps


def test_what_dvc_cannot_take_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs, project = tmp_path / "${x}", tmp_path / "project"
    songs.mkdir()
    words = ["--input-dir", str(songs), "--output-dir", str(project), "--recipe", "own-songs"]
    assert main(["pipeline", *words, "--dry-run"]) == 2
    assert "has ${, which DVC's experiments do not take as text" in capsys.readouterr().err
    assert not project.exists()
