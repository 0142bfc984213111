"""The stage ``songs`` from files to rows that the token files accept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from yue.errors import SongError, YueError
from yue.files import write_json
from yue.recipe.model import Recipe
from yue.rejections import Rejected, Rejections, write_rejections
from yue.stages.songs import main
from yue.tokens.options import Options
from yue.tokens.row_reader import SongRow, read_rows
from yue.tokens.sections import used_sections
from yue.tokens.track_codes import load_lanes
from yue.tokens.vocabulary import codec_range

if TYPE_CHECKING:
    from tests.songs.conftest import Project


def check_accepted(project: Project) -> None:
    """Every row is used whole by the reader that makes the token files."""
    for row in read_rows(project.paths.songs):
        assert isinstance(row, SongRow)
        lanes = load_lanes(row, project.paths.work, codec_range("melrvq").first(1), Options())
        used = used_sections(row, lanes, Options())
        assert not used.dropped
        assert sum(frames.stop - frames.start for _, frames in used.sections) == lanes.frames


def test_a_song_with_times_becomes_a_row_in_yue_s_schema(project: Project, recipe: Recipe) -> None:
    project.song("album/a", seconds=20)
    project.write("album/a.genres.txt", "pop, female")
    project.write("album/a.json", json.dumps({"artist": "Ann", "sections": [
        {"start": 0, "end": 6, "label": "intro"},
        {"start": 6, "end": 20, "label": "Chorus 2", "text": "la\nlo"},
    ]}))  # fmt: skip
    main(recipe, project.done())
    assert project.rows()["album/a"] == {
        "id": "album/a",
        "vocals_codec": "codes/album%2Fa.vocal.npy",
        "instrumental_codec": "codes/album%2Fa.instrumental.npy",
        "audio_length_in_sec": 20.0,
        "msa": [
            {"start": 0.0, "end": 6.0, "label": "intro"},
            {"start": 6.0, "end": 20.0, "label": "chorus"},
        ],
        "genres": "pop, female",
        "splitted_lyrics": {
            "segmented_lyrics": [
                {"offset": 0.0, "duration": 6.0, "codec_frame_start": 0, "codec_frame_end": 300,
                 "line_content": "[intro]\n\n"},
                {"offset": 6.0, "duration": 14.0, "codec_frame_start": 300,
                 "codec_frame_end": 1000, "line_content": "[chorus 2]\nla\nlo\n\n"},
            ]
        },
        "artist": "Ann",
        "alignment": "explicit",
    }  # fmt: skip
    check_accepted(project)


def test_times_count_from_the_file_though_its_silence_was_trimmed(
    project: Project, recipe: Recipe
) -> None:
    project.song("a", seconds=20, start=5.0, singing=[(1, 19)])
    project.write("a.lrc", "[verse]\n[00:06.00]one\n[chorus]\n[00:15.00]two\n")
    main(recipe, project.done())
    segments = project.rows()["a"]["splitted_lyrics"]["segmented_lyrics"]
    assert [(s["codec_frame_start"], s["line_content"]) for s in segments] == [
        (0, "[verse]\none\n\n"), (500, "[chorus]\ntwo\n\n"),
    ]  # fmt: skip
    check_accepted(project)


def test_pieces_of_a_song_share_its_lyrics_and_its_split(project: Project, recipe: Recipe) -> None:
    for n in range(3):
        project.song(f"a#{n:03}", seconds=10, start=10.0 * n, piece_of="a", singing=[(0, 10)])
    project.write("a.lrc", "".join(f"[00:{at:02}.00]line {at}\n" for at in range(0, 30, 3)))
    for name in "bcd":
        project.song(name)
    main(recipe, project.done())
    rows = project.rows()
    found = [
        line
        for n in range(3)
        for s in rows[f"a#{n:03}"]["splitted_lyrics"]["segmented_lyrics"]
        for line in s["line_content"].split("\n")
        if line.startswith("line")
    ]
    assert found == [f"line {at}" for at in range(0, 30, 3)]
    assert len({name for name, ids in project.split().items() for i in ids if "#" in i}) == 1
    check_accepted(project)


def test_every_way_of_alignment_is_counted(project: Project, recipe: Recipe) -> None:
    for name in ("explicit", "lrc", "guess", "nothing"):
        project.song(name, seconds=40)
    project.song("band", seconds=70, kind="instrumental", singing=[])
    project.write("explicit.json", '{"sections": [{"start": 0, "label": "verse", "text": "a"}]}')
    project.write("lrc.lrc", "[00:03.00]a\n")
    project.write("guess.txt", "[pre-chorus]\na\n[verse 2]\nb\n")
    summary = main(recipe, project.done())
    report = project.report()
    assert report["alignment"] == {"explicit": 1, "lrc": 1, "none": 2, "proportional": 1}
    assert report["songs"] == 5
    assert sum(part["songs"] for part in report["splits"].values()) == 5
    assert {"pre-chorus", "verse 2", "inst"} <= set(report["sections"])
    assert "nothing: there is singing, but there are no lyrics" in report["warnings"]
    segments = project.rows()["band"]["splitted_lyrics"]["segmented_lyrics"]
    assert all(s["line_content"] == "[inst]\n\n" and s["duration"] <= 30 for s in segments)
    assert "5 songs" in summary.made
    check_accepted(project)


def test_lyrics_without_times_are_skipped_where_the_recipe_says_so(
    project: Project, recipe: Recipe
) -> None:
    project.song("a")
    project.song("b")
    project.write("a.txt", "words")
    main(replace(recipe, songs=replace(recipe.songs, untimed="skip")), project.done())
    assert set(project.rows()) == {"b"}
    (entry,) = project.report()["skipped"]
    assert (entry["what"], entry["song_id"]) == ("a", "a")


def test_one_song_is_trained_on_with_a_warning(project: Project, recipe: Recipe) -> None:
    project.song("a")
    summary = main(recipe, project.done())
    assert project.split() == {"train": ["a"], "valid": [], "test": []}
    assert any("no held-out songs" in warning for warning in project.report()["warnings"])
    assert "no held-out songs" in summary.next
    assert "only 20 seconds of music: of less than 600" in summary.next


def test_copies_are_reported_and_never_apart(project: Project, recipe: Recipe) -> None:
    for n in range(12):
        project.song(f"song {n}", seed=n)
    for n in range(12):
        project.song(f"copy of {n}", seed=n)
    summary = main(recipe, project.done())
    report = project.report()
    assert len(report["duplicates"]) == 12
    assert report["leaks"]["duplicates"] == []
    home = {song: name for name, ids in project.split().items() for song in ids}
    assert all(home[f"song {n}"] == home[f"copy of {n}"] for n in range(12))
    assert project.split()["valid"]
    assert "(copy of 0, song 0), (copy of 1, song 1)" in summary.next


def test_an_artist_on_both_sides_is_reported_as_a_leak(project: Project, recipe: Recipe) -> None:
    for n in range(6):
        project.song(f"{n}")
        project.write(f"{n}.json", '{"artist": "Me"}')
    main(recipe, project.done())
    assert project.report()["leaks"]["artists"] == {"me": ["train", "valid"]}


def test_an_artist_in_valid_and_test_alone_is_no_leak(project: Project, recipe: Recipe) -> None:
    for n in range(12):
        project.song(f"{n}")
    recipe = replace(recipe, songs=replace(recipe.songs, valid_share=0.3, test_share=0.3))
    main(recipe, project.done())
    split = project.split()
    for name, songs in (("Held", split["valid"] + split["test"]), ("Both", split["train"])):
        for song in songs:
            project.write(f"{song}.json", json.dumps({"artist": name}))
    project.write(f"{split['valid'][0]}.json", '{"artist": "Both"}')
    main(recipe, project.done())
    assert project.split() == split  # two artists of so many songs are split by song
    assert len(split["valid"]) > 1
    assert split["test"]
    assert project.report()["leaks"]["artists"] == {"both": ["train", "valid"]}


def test_rejections_of_all_stages_are_joined(project: Project, recipe: Recipe) -> None:
    for n in range(30):
        project.song(f"{n}")
    project.write("3.txt", b"\xff\xfe\xff")
    paths = project.done()
    entry = Rejected("x.mp3", "truncated", "get it again", "x")
    write_rejections(paths.codes / "rejected.json", Rejections(31).after("convert", [entry], ()))
    summary = main(recipe, paths)
    rejected = project.report()["rejected"]
    assert [(r["stage"], r["what"], r["song_id"]) for r in rejected] == [
        ("convert", "x.mp3", "x"), ("songs", "3.txt", "3"),
    ]  # fmt: skip
    report = project.report()
    assert (report["found"], report["lost"]) == ({"songs": 31, "rows": 0}, 2)
    assert report["share"] == pytest.approx(2 / 31, abs=1e-6)
    assert "3" not in project.rows()
    assert "3.txt" in summary.rejected


def test_too_many_rejections_stop_the_stage(project: Project, recipe: Recipe) -> None:
    for n in range(4):
        project.song(f"{n}")
        project.write(f"{n}.json", "{")
    with pytest.raises(SongError, match=r"4 of 4 songs cannot be used \(songs 4\)"):
        main(recipe, project.done())
    assert not project.paths.songs.exists()


def test_a_song_without_codes_is_rejected_by_name(project: Project, recipe: Recipe) -> None:
    for n in range(30):
        project.song(f"{n}")
    project.codes = [row for row in project.codes if row["song_id"] != "7"]
    main(recipe, project.done())
    (entry,) = project.report()["rejected"]
    assert entry["song_id"] == "7"
    assert "no codes of its vocal and instrumental track" in entry["reason"]


def test_a_folder_that_has_changed_since_is_noticed(project: Project, recipe: Recipe) -> None:
    project.song("a")
    paths = project.done()
    for path in project.songs.iterdir():
        path.unlink()
    with pytest.raises(SongError, match="song 'a' is not in"):
        main(recipe, paths)


def test_damaged_inputs_are_named(project: Project, recipe: Recipe) -> None:
    project.song("a")
    paths = project.done()
    (paths.work / "codes" / "a.vocal.npy").write_bytes(b"garbage")
    with pytest.raises(SongError, match=r"a\.vocal\.npy: not codes"):
        main(recipe, paths)
    write_json(paths.codes / "codec.json", {"frame_rate": "50/0"})
    with pytest.raises(YueError, match="no frame rate"):
        main(recipe, paths)


def test_the_same_input_gives_the_same_bytes(project: Project, recipe: Recipe) -> None:
    for n in range(12):
        project.song(f"{n}")
        project.write(f"{n}.txt", f"[verse]\nwords of {n}\n")
    paths = project.done()
    written = []
    for _ in range(2):
        main(recipe, paths)
        written.append([p.read_bytes() for p in (paths.songs, paths.split, paths.data_report)])
    assert written[0] == written[1]


def test_an_added_song_changes_no_other_row(project: Project, recipe: Recipe) -> None:
    for n in range(12):
        project.song(f"{n}")
    main(recipe, project.done())
    before = project.rows()
    project.song("new", seed=999)
    main(recipe, project.done())
    after = project.rows()
    assert {song: after[song] for song in before} == before


def test_upstream_s_real_song_is_described(golden: Path, project: Project, recipe: Recipe) -> None:
    """The lyrics and genres beside the song are its own; codes stand in for the codec's."""
    for file in sorted((golden / "audio").iterdir()):
        project.write(file.name, file.read_bytes())
    project.song("pop.00001", seconds=30, file="pop.00001.mp3", singing=[(0.4, 28.9)])
    main(recipe, project.done())
    row = project.rows()["pop.00001"]
    labels = [s["line_content"].split("\n")[0] for s in row["splitted_lyrics"]["segmented_lyrics"]]
    assert labels == ["[verse]", "[chorus]", "[verse]", "[chorus]", "[bridge]", "[outro]"]
    assert row["genres"].startswith("inspiring female uplifting pop")
    assert row["alignment"] == "proportional"
    assert np.load(project.paths.work / row["vocals_codec"]).shape[1] == 1500
    check_accepted(project)
