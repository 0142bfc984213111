"""Rows that were made elsewhere pass through as they are."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.songs.conftest import Project
from yue.audio.converted_tracks import read_tracks
from yue.paths import Paths
from yue.recipe.model import Data, Recipe
from yue.stages import convert, separate, songs
from yue.tokens.row_reader import SongRow, read_rows


def codes(path: Path, frames: int = 200, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 1024, (8, frames))
    np.save(path, values.astype(np.int16))


def row(name: str, **changes: Any) -> dict[str, Any]:
    segment = {"offset": 0.0, "duration": 4.0, "codec_frame_start": 0, "codec_frame_end": 200,
               "line_content": "[verse]\nla la\n\n"}  # fmt: skip
    made = {
        "id": name,
        "codec": f"example/npy/{name}.npy",
        "vocals_codec": f"example/npy/{name}.Vocals.npy",
        "instrumental_codec": f"example/npy/{name}.Instrumental.npy",
        "audio_length_in_sec": 4.0,
        "msa": [{"start": 0.0, "end": 4.0, "label": "verse"}],
        "genres": "rock, male",
        "splitted_lyrics": {"segmented_lyrics": [segment]},
        "something": [1, 2],
    }
    return {key: value for key, value in {**made, **changes}.items() if value is not None}


def write(project: Project, *rows: dict[str, Any] | str) -> None:
    lines = [line if isinstance(line, str) else json.dumps(line) for line in rows]
    project.write("songs.jsonl", "\n".join(lines) + "\n")


def test_rows_made_elsewhere_join_the_songs_as_they_are(project: Project, recipe: Recipe) -> None:
    project.song("own")
    for seed, kind in enumerate((".Vocals", ".Instrumental", "")):
        codes(project.songs / "npy" / f"a{kind}.npy", seed=seed)  # not in example/
        codes(project.songs / "example" / "npy" / f"b{kind}.npy", seed=10 + seed)
    write(project, row("a"), row("b", codec=None, piece_of="c"))  # a row is a song
    songs.main(recipe, project.done())
    rows = project.rows()
    assert set(rows) == {"a", "b", "own"}
    given, made = row("a"), rows["a"]
    paths = {key for key in given if key.endswith("codec")}
    assert {key: made[key] for key in given if key not in paths} == {
        key: value for key, value in given.items() if key not in paths
    }
    assert made["alignment"] == "given"
    assert made["vocals_codec"] == "../songs/npy/a.Vocals.npy"
    assert not {"codec", "piece_of"} & set(rows["b"])
    for entry in rows.values():
        assert np.load(project.paths.work / entry["vocals_codec"]).ndim == 2
    assert all(isinstance(entry, SongRow) for entry in read_rows(project.paths.songs))
    assert sorted(song for part in project.split().values() for song in part) == ["a", "b", "own"]
    assert project.report()["alignment"]["given"] == 2
    trusted = "songs.jsonl: codes taken as those of melrvq: no row says which codec they are of"
    assert trusted in project.report()["warnings"]

    # Other codes under the same name are another row.
    before = project.paths.songs.read_bytes()
    codes(project.songs / "npy" / "a.Vocals.npy", seed=99)
    songs.main(recipe, project.done())
    assert project.paths.songs.read_bytes() != before


def test_a_folder_of_rows_needs_no_audio(
    project: Project, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    for kind in (".Vocals", ".Instrumental", ""):
        codes(project.songs / "example" / "npy" / f"a{kind}.npy")
    write(project, row("a"))
    paths = Paths(project.root)
    convert.main(recipe, paths)
    separate.main(recipe, paths)
    assert read_tracks(paths.audio / "audio.jsonl") == ()
    project.done()
    assert "1 song," in songs.main(recipe, paths).made


def _segment(**changes: Any) -> dict[str, Any]:
    item = {"codec_frame_start": 0, "codec_frame_end": 9, "line_content": "[verse]\n", **changes}
    return {"segmented_lyrics": [item]}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting"),
        ("[1]", "not a JSON object"),
        (row("a", id=None), "'id' is missing"),
        (row("a", audio_length_in_sec=None), "'audio_length_in_sec' is missing"),
        (row("a", genres="\ud800"), "surrogates not allowed"),
        (row("a", vocals_codec="nowhere.npy"), "no such file of codes"),
        (row("a", vocals_codec="../../secret.npy"), "no such file of codes"),
        (row("a", vocals_codec="text.npy"), "not a .npy of codes"),
        (row("a", vocals_codec="float.npy"), "codes are integers"),
        (row("a", splitted_lyrics={"segmented_lyrics": []}), "is empty"),
        (row("a", splitted_lyrics=_segment(codec_frame_start=20)), "from frame 20 to 9"),
        (row("a", splitted_lyrics=_segment(codec_frame_start=200, codec_frame_end=300)), "there"),
        (row("own"), "another song has the id"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_its_line(
    project: Project, recipe: Recipe, line: dict[str, Any] | str, reason: str
) -> None:
    project.song("own")
    for name in ("a", "own"):
        for kind in (".Vocals", ".Instrumental", ""):
            codes(project.songs / "example" / "npy" / f"{name}{kind}.npy")
    codes(project.root / "secret.npy")
    project.write("text.npy", "text")
    np.save(project.songs / "float.npy", np.zeros((2, 9)))
    write(project, "", line)
    recipe = replace(recipe, data=Data(recipe.data.songs_dir, 0.5))
    songs.main(recipe, project.done())
    (entry,) = project.report()["rejected"]
    assert (entry["stage"], entry["what"].split(" ")[0]) == ("songs", "songs.jsonl:2")
    assert reason in entry["reason"]
    assert entry["fix"]
    assert set(project.rows()) == {"own"}
    report = project.report()  # each line that is not blank counts as a song
    assert (report["found"], report["lost"]) == ({"songs": 1, "rows": 1}, 1)


def test_upstream_s_own_example_is_taken_as_it_is(
    golden: Path, project: Project, recipe: Recipe
) -> None:
    shutil.copytree(golden / "dummy" / "npy", project.songs / "npy")
    shutil.copy(golden / "dummy" / "dummy.msa.xcodec_16k.jsonl", project.songs / "songs.jsonl")
    songs.main(recipe, project.done())
    wanted = [json.loads(line) for line in (project.songs / "songs.jsonl").read_text().splitlines()]
    rows = project.rows()
    assert set(rows) == {entry["id"] for entry in wanted}
    for entry in wanted:
        made = rows[entry["id"]]
        assert made["splitted_lyrics"] == entry["splitted_lyrics"]
        assert made["codec"] == "../songs/npy/dummy.npy"
    assert project.report()["duplicates"]  # they all are one recording
