"""Of many songs, what has changed is done again, and nothing tells how the output came to be."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.audio.conftest import convert_settings, music, write
from tests.folders import folder_digest
from yue.paths import Paths
from yue.recipe.model import Data, Recipe, Runtime, Separate
from yue.recipe.read import default_recipe
from yue.stages import convert, separate

SONGS = 100


def recipe(workers: int) -> Recipe:
    return replace(
        default_recipe(),
        data=Data("songs", 0.0),
        convert=convert_settings(trim_silence=True),
        separate=Separate("instrumental", "models/separator", -30.0),
        runtime=Runtime(workers=workers, device="cpu"),
    )


def made(paths: Paths, *, workers: int = 2) -> tuple[str, str]:
    asked = recipe(workers)
    return convert.main(asked, paths).made, separate.main(asked, paths).made


def digests(paths: Paths) -> tuple[str, str]:
    return folder_digest(paths.audio), folder_digest(paths.stems)


def from_scratch(paths: Paths) -> tuple[str, str]:
    """The digests of a build without a store."""
    fresh = Paths(paths.root / "fresh")
    shutil.copytree(paths.root / "songs", fresh.root / "songs")
    made(fresh, workers=1)
    try:
        return digests(fresh)
    finally:
        shutil.rmtree(fresh.root)


@pytest.mark.long
def test_of_a_hundred_songs_only_the_changed_one_is_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    paths = Paths(tmp_path)
    for number in range(SONGS):
        write(tmp_path / "songs" / f"{number % 10}" / f"{number}.wav", music(0.3, seed=number))
    first = made(paths)
    assert first[0].startswith("100 songs (0 from the store, 100 converted), 100 tracks")
    assert first[1].startswith("100 songs (0 from the store, 100 new)")
    before = digests(paths)

    added = write(tmp_path / "songs" / "5" / "new.wav", music(0.3, seed=SONGS))
    again = made(paths)
    assert again[0].startswith("101 songs (100 from the store, 1 converted)")
    assert again[1].startswith("101 songs (100 from the store, 1 new)")

    write(added, music(0.3, seed=SONGS + 1))
    again = made(paths)
    assert again[0].startswith("101 songs (100 from the store, 1 converted)")
    assert again[1].startswith("101 songs (100 from the store, 1 new)")
    assert digests(paths) == from_scratch(paths)

    added.unlink()
    again = made(paths)
    assert again[0].startswith("100 songs (100 from the store, 0 converted)")
    assert again[1].startswith("100 songs (100 from the store, 0 new)")
    assert digests(paths) == before
