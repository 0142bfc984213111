"""Experiments in folders of their own have the inputs of the project that they came from."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from yue.inputs.experiment import MARKER, link_inputs, mark_untracked, origin_of
from yue.inputs.missing import missing_inputs
from yue.recipe.model import Recipe
from yue.recipe.read import default_recipe


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A project, and an experiment's folder where DVC makes them."""
    origin = tmp_path / "project"
    root = origin / ".dvc" / "tmp" / "exps" / "tmp1"
    (root / ".dvc").mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(origin))
    return root, origin


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def recipe_of_songs() -> Recipe:
    recipe = default_recipe()
    return dataclasses.replace(
        recipe,
        data=dataclasses.replace(recipe.data, songs_dir="songs"),
        model=dataclasses.replace(recipe.model, path="models/base"),
        codec=dataclasses.replace(recipe.codec, path="weights/codec"),
        tokens=dataclasses.replace(recipe.tokens, tokenizer="models/base/tokenizer.model"),
    )


def test_an_experiment_knows_its_project(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, origin = places
    assert origin_of(root) == origin
    assert origin_of(root / "sub") == origin / "sub", "a project below the repository's root"
    assert origin_of(origin) is None
    monkeypatch.delenv("DVC_ROOT")
    assert origin_of(root) is None


def test_what_is_missing_is_linked_file_by_file(places: tuple[Path, Path]) -> None:
    root, origin = places
    fill(origin, "songs/a.wav", "songs/deep/b.wav", "models/base/config.json", "weights/codec/w")
    fill(origin, "models/base/tokenizer.model", "models/other/w", "corpora/pop/train.bin")
    fill(origin, "prompts/p.wav", "params.yaml")
    (origin / "music").mkdir()
    (origin / "models" / "linked").symlink_to(origin / "music")
    fill(root, "models/separator/README.md", "corpora/README.md")
    made = link_inputs(recipe_of_songs(), root, origin)
    assert made == ["models", "corpora", "prompts", "songs", "weights/codec"]
    for name in ("songs/a.wav", "songs/deep/b.wav", "models/base/config.json", "models/other/w"):
        assert (root / name).is_symlink()
        assert not (root / name).parent.is_symlink(), "DVC follows no links to folders in folders"
        assert (root / name).read_text() == name
    assert (root / "models" / "linked").is_symlink(), "as in the project, so that hashes are equal"
    assert not (root / "params.yaml").exists()
    assert link_inputs(recipe_of_songs(), root, origin) == []


def test_what_the_experiment_has_stays(places: tuple[Path, Path]) -> None:
    root, origin = places
    fill(origin, "songs/a.wav", "songs/new.wav", "corpora/pop/train.bin")
    fill(root, "songs/a.wav", "corpora/pop/train.bin")
    (root / "corpora/pop/train.bin").write_text("mine")
    assert link_inputs(recipe_of_songs(), root, origin) == []
    songs = [song.name for song in (root / "songs").iterdir()]
    assert songs == ["a.wav"], "songs that DVC tracks are those of the run"
    assert (root / "corpora/pop/train.bin").read_text() == "mine"


def test_what_is_in_neither_is_missing_and_said_where(places: tuple[Path, Path]) -> None:
    root, origin = places
    fill(origin, "songs/a.wav", "models/base/tokenizer.model")
    found = {".".join(map(str, p.path)): p for p in missing_inputs(recipe_of_songs(), root)}
    assert list(found) == ["codec.path"]
    assert found["codec.path"].fix.startswith(f"in {origin}, which this experiment is of: ")


def test_a_project_of_untracked_songs_has_a_file_that_its_experiments_lack(
    places: tuple[Path, Path],
) -> None:
    root, origin = places
    recipe = recipe_of_songs()
    subprocess.run(["git", "init", "-q"], cwd=origin, check=True)
    fill(origin, "songs/a.wav")
    mark_untracked(recipe, origin)
    assert not (origin / MARKER).exists(), "git does not ignore them, so experiments have them"
    (origin / ".gitignore").write_text("/songs/\n/weights/\n")
    mark_untracked(recipe, origin)
    assert (origin / MARKER).is_file()
    assert link_inputs(recipe, root, origin) == ["models", "songs"]
    assert (root / MARKER).read_bytes() == (origin / MARKER).read_bytes(), "models/ is the same"

    fill(origin, "songs.dvc")
    mark_untracked(recipe, origin)
    assert not (origin / MARKER).exists()
    fill(origin, "weights/codec/w")
    mark_untracked(recipe, origin)
    assert (origin / MARKER).is_file()
    absolute = dataclasses.replace(
        recipe, codec=dataclasses.replace(recipe.codec, path=str(origin / "weights/codec"))
    )
    mark_untracked(absolute, origin)
    assert not (origin / MARKER).exists(), "an absolute path is the same for experiments"
