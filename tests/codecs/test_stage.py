from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.codecs.conftest import RATE
from yue.audio.converted_tracks import Stems, write_stems, write_tracks
from yue.codecs.base import Audio
from yue.codecs.melrvq import MelRvq
from yue.errors import CodecError, SongError, YueError
from yue.files import read_jsonl
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.recipe.read import default_recipe
from yue.rejections import Rejected, Rejections, read_rejections, write_rejections
from yue.stages import tokenize


@pytest.fixture
def recipe() -> Recipe:
    recipe = default_recipe()
    return replace(recipe, codec=replace(recipe.codec, name="melrvq", path="codec", codebooks=3))


@pytest.fixture
def paths(
    tmp_path: Path, tracks: Sequence[Audio], melrvq: MelRvq, monkeypatch: pytest.MonkeyPatch
) -> Paths:
    """A project whose songs are separated: two pairs."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    paths = Paths(tmp_path)
    paths.audio.mkdir(parents=True)
    songs = []
    for number in range(2):
        names = [f"audio/{number}.{role}.npy" for role in ("vocal", "instrumental")]
        for name, track in zip(names, tracks, strict=False):
            np.save(paths.work / name, track[number * RATE : (number + 2) * RATE])
        songs.append(Stems(f"song {number}", *names, None, RATE, 2 * RATE, 2.0, "stems", (), 0.0))
    write_tracks(paths.audio / "audio.jsonl", [])
    write_stems(paths.stems / "stems.jsonl", songs)
    write_rejections(paths.stems / "rejected.json", Rejections(2))
    melrvq.save(tmp_path / "codec")
    return paths


def test_the_stage_encodes_each_song_once(recipe: Recipe, paths: Paths) -> None:
    first = tokenize.main(recipe, paths)
    assert first.made.startswith("2 songs (0 from the store, 2 encoded): 4 tracks in 3 codebooks")
    assert first.rejected == "nothing"
    rows = read_jsonl(paths.codes / "codes.jsonl")
    assert [row["path"] for row in rows] == [
        f"codes/song {number}.{role}.npy"
        for number in range(2)
        for role in ("instrumental", "vocal")
    ]
    assert all(np.load(paths.work / row["path"]).shape == (3, 100) for row in rows)
    again = tokenize.main(recipe, paths)
    assert "(2 from the store, 0 encoded)" in again.made


def test_songs_without_codes_count_with_those_lost_before(recipe: Recipe, paths: Paths) -> None:
    entry = Rejected("x.mp3", "it is empty", "remove it", "x")
    write_rejections(
        paths.stems / "rejected.json", Rejections(3).after("convert", [entry], left=())
    )
    np.save(paths.work / "audio" / "1.vocal.npy", np.full(2 * RATE, np.nan, np.float32))
    with pytest.raises(SongError) as caught:
        tokenize.main(recipe, paths)
    assert caught.value.what.startswith("2 of 3 songs cannot be used (convert 1, tokenize 1)\n")
    assert "song 'song 1'" in caught.value.what.splitlines()[1], "the last stage's first"
    assert not paths.codes.exists()
    lenient = replace(recipe, data=replace(recipe.data, max_rejected_share=0.7))
    assert tokenize.main(lenient, paths).rejected.startswith("1 song\n")
    both = read_rejections(paths.codes / "rejected.json", "tokenize")
    assert (both.found, both.lost) == (3, 2)


def test_a_list_of_an_older_version_says_which_stage_to_run(recipe: Recipe, paths: Paths) -> None:
    (paths.stems / "rejected.json").write_text("[]\n")
    with pytest.raises(YueError, match="an older version wrote it") as caught:
        tokenize.main(recipe, paths)
    assert "run the stage 'separate' again" in caught.value.fix


def test_a_failed_stage_leaves_the_former_codes(recipe: Recipe, paths: Paths) -> None:
    tokenize.main(recipe, paths)
    before = sorted(path.name for path in paths.codes.iterdir())
    (paths.root / "codec" / "codebooks.safetensors").unlink()
    with pytest.raises(CodecError, match="no melrvq codec"):
        tokenize.main(recipe, paths)
    assert sorted(path.name for path in paths.codes.iterdir()) == before
