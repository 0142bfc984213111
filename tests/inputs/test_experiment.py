"""Experiments in folders of their own have the inputs of the project that they came from."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recipe.conftest import ROOT
from yue.errors import YueError
from yue.inputs.experiment import MARKER, link_inputs, mark_untracked, origin_of
from yue.inputs.missing import missing_inputs
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.recipe.read import default_recipe, read_recipe
from yue.stages.inputs import main as inputs
from yue.stages.validate import main as validate


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


def test_a_root_of_another_project_makes_no_experiment(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other" / ".dvc").mkdir(parents=True)
    assert origin_of(tmp_path / "other") is None, "DVC leaves a variable of a shell as it is"
    for nonsense in ("/nonexistent", "", "$HOME"):
        monkeypatch.setenv("DVC_ROOT", nonsense)
        assert origin_of(places[0]) is None


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


def test_nothing_is_written_through_the_experiment_s_links(
    places: tuple[Path, Path], tmp_path: Path
) -> None:
    root, origin = places
    shared = tmp_path / "shared"
    shared.mkdir()
    fill(origin, "models/stage2/w", "weights/codec/w")
    (root / "models").mkdir()
    (root / "models" / "stage2").symlink_to(shared)  # as git has it; the project's is a folder now
    (root / "weights").symlink_to(shared)
    link_inputs(recipe_of_songs(), root, origin)
    assert not list(shared.iterdir())


def test_a_folder_that_is_a_link_in_the_project_alone(
    places: tuple[Path, Path], tmp_path: Path
) -> None:
    root, origin = places
    fill(tmp_path, "disk/base/w", "disk/stage2/w")
    (origin / "models").symlink_to(tmp_path / "disk")
    fill(root, "models/stage2/README.md")  # as git has it
    assert link_inputs(recipe_of_songs(), root, origin) == ["models"]
    for name in ("base", "stage2"):
        assert (root / "models" / name / "w").read_text() == f"disk/{name}/w"
    assert sorted(path.name for path in (tmp_path / "disk" / "stage2").iterdir()) == ["w"]
    assert link_inputs(recipe_of_songs(), root, origin) == []


def test_a_folder_that_dvc_tracks_is_that_of_the_experiment_s_revision(
    places: tuple[Path, Path],
) -> None:
    root, origin = places
    fill(origin, "corpora/pop/train.bin", "corpora/pop/valid.bin", "corpora/pop.dvc")
    fill(root, "corpora/pop/train.bin", "corpora/pop.dvc")
    assert link_inputs(recipe_of_songs(), root, origin) == []


def test_unfinished_downloads_are_not_linked(places: tuple[Path, Path]) -> None:
    root, origin = places
    fill(origin, "models/base/.cache/yue/half.part", "models/base/config.json")
    assert link_inputs(recipe_of_songs(), root, origin) == ["models"]
    assert not (root / "models/base/.cache").exists(), "finished there, a link to it would be left"


def test_a_relative_link_that_leads_nowhere_from_an_experiment_is_said(
    places: tuple[Path, Path], tmp_path: Path
) -> None:
    root, origin = places
    fill(tmp_path, "music/a.wav")
    fill(origin, "models/base/tokenizer.model", "weights/codec/w")
    for folder in (origin, root):
        (folder / "songs").symlink_to("../music")
    assert "songs" not in link_inputs(recipe_of_songs(), root, origin)
    (found,) = missing_inputs(recipe_of_songs(), root)
    assert found.rule == "songs is a link to ../music, which is not there"
    assert "link to an absolute path" in found.fix
    (root / "dvc.yaml").write_text("stages: {convert: {deps: ['${data.songs_dir}']}}")
    with pytest.raises(YueError, match=r"^data\.songs_dir: songs is a link to \.\./music"):
        inputs(recipe_of_songs(), Paths(root))  # validate is done, by the project's lock
    assert missing_inputs(recipe_of_songs(), origin) == []


def test_an_experiment_that_needs_other_stages_is_told_where_to_name_them(
    places: tuple[Path, Path],
) -> None:
    root, origin = places
    (root / "demo").mkdir()
    shutil.copy(ROOT / "demo" / "dvc.yaml", root / "demo")
    with pytest.raises(YueError, match="did not list") as caught:
        validate(read_recipe(ROOT / "recipes" / "demo.yaml"), Paths(root))
    assert f"in {origin} set these values in params.yaml" in caught.value.fix


NAMES = st.sampled_from(
    ["models", "songs", "weights", "codec", "corpora", "a", "b.cache", ".cache"]
)
KINDS = st.sampled_from(["file", "folder", "outside", "dangling", "loop", "tracked"])
TREES = st.dictionaries(st.tuples(NAMES, NAMES, NAMES), KINDS, max_size=8)


def plant(folder: Path, tree: dict[tuple[str, ...], str], outside: Path) -> None:
    """Make files, folders and links; what does not fit what is there already is left out."""
    for parts, kind in tree.items():
        path = folder.joinpath(*parts[: 1 + len(kind) % 3])
        if any(part.is_symlink() for part in path.parents):
            continue  # planting must not write through a link either
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "folder":
                path.mkdir()
            elif kind in ("file", "tracked"):
                path.with_name(path.name + ".dvc" * (kind == "tracked")).write_text(str(folder))
            else:
                targets = {"outside": outside, "dangling": Path("nowhere"), "loop": path}
                path.symlink_to(targets[kind])


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


@given(theirs=TREES, own=TREES)
@settings(max_examples=60)
def test_links_are_added_and_nothing_else_is_changed(
    theirs: dict[tuple[str, ...], str], own: dict[tuple[str, ...], str]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        origin, root, outside = (Path(name) / each for each in ("origin", "root", "outside"))
        for folder in (origin, root, outside):
            folder.mkdir()
        plant(origin, theirs, outside)
        plant(root, own, outside)
        before, here = everything(origin), everything(root)
        with contextlib.suppress(NotADirectoryError):  # a file where a folder is looked into
            link_inputs(recipe_of_songs(), root, origin)
            after = everything(root)
            assert link_inputs(recipe_of_songs(), root, origin) == []
            assert everything(root) == after
        assert everything(origin) == before
        assert not list(outside.iterdir())
        now = everything(root)
        assert here.items() <= now.items()
        assert all((root / path).is_symlink() for path in now.keys() - here.keys())


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
