"""Any folder of music becomes songs; what does not fit is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from yue.audio.discover import Discovery, discover_songs
from yue.errors import AudioError
from yue.songs.song_folder import describe_songs


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def songs(found: Discovery) -> dict[str, dict[str, str]]:
    return {song.song_id: dict(song.tracks) for song in found.songs}


def discover(folder: Path, *names: str) -> dict[str, dict[str, str]]:
    found = discover_songs(tree(folder, *names))
    assert found.rejected == ()
    return songs(found)


def test_names_join_tracks_to_songs(tmp_path: Path) -> None:
    found = discover(
        tmp_path,
        "a.mp3", "a.Vocals.mp3", "a.Instrumental.mp3",
        "b_vocals.wav", "b (Instrumental).flac",
        "instinct.wav",
        "album/a.mp3",
    )  # fmt: skip
    assert found == {
        "a": {
            "mixture": "a.mp3", "vocal": "a.Vocals.mp3", "instrumental": "a.Instrumental.mp3",
        },
        "b": {"vocal": "b_vocals.wav", "instrumental": "b (Instrumental).flac"},
        "instinct": {"mixture": "instinct.wav"},
        "album/a": {"mixture": "album/a.mp3"},
    }  # fmt: skip


def test_folders_join_tracks_to_songs(tmp_path: Path) -> None:
    found = discover(
        tmp_path,
        "vocals/a.mp3", "instrumental/a.mp3", "a.mp3",
        "x/Vocals/b.wav", "x/accompaniment/b.wav", "x/mixture/b.wav",
        "y/c/vocals.wav", "y/c/no_vocals.wav", "y/c/mixture.wav",
        "d.mp3", "d/vocals.wav",
    )  # fmt: skip
    assert {song: set(tracks) for song, tracks in found.items()} == {
        "a": {"mixture", "vocal", "instrumental"},
        "x/b": {"mixture", "vocal", "instrumental"},
        "y/c": {"mixture", "vocal", "instrumental"},
        "d": {"mixture", "vocal"},
    }
    assert found["x/b"]["mixture"] == "x/mixture/b.wav"


def test_a_title_with_a_stem_s_word_stays_a_song(tmp_path: Path) -> None:
    names = ["Vocals of Ghana.mp3", "Instrumental.mp3", "song (Club Mix).mp3", "x/Full.mp3"]
    found = discover(tmp_path, *names, "song (Club Mix).Vocals.mp3")
    assert found == {
        "Vocals of Ghana": {"mixture": "Vocals of Ghana.mp3"},
        "Instrumental": {"mixture": "Instrumental.mp3"},
        "x/Full": {"mixture": "x/Full.mp3"},
        "song (Club Mix)": {
            "mixture": "song (Club Mix).mp3", "vocal": "song (Club Mix).Vocals.mp3",
        },
    }  # fmt: skip


def test_two_stems_that_begin_with_their_word_are_a_pair(tmp_path: Path) -> None:
    found = discover(tmp_path, "Vocals - a.mp3", "Instrumental - a.mp3")
    assert found == {"a": {"vocal": "Vocals - a.mp3", "instrumental": "Instrumental - a.mp3"}}


def test_parts_of_an_accompaniment_are_no_songs(tmp_path: Path) -> None:
    found = discover_songs(
        tree(tmp_path, "a/vocals.wav", "a/drums.wav", "a/mixture.wav", "bass.mp3")
    )
    assert songs(found) == {
        "a": {"vocal": "a/vocals.wav", "mixture": "a/mixture.wav"},
        "bass": {"mixture": "bass.mp3"},
    }
    assert [entry.what for entry in found.rejected] == ["a/drums.wav"]


def test_the_second_claimant_of_a_place_is_rejected_with_the_first_one_s_name(
    tmp_path: Path,
) -> None:
    found = discover_songs(tree(tmp_path, "a.flac", "a.mp3", "a.vocals.wav", "vocals/a.wav"))
    assert songs(found) == {"a": {"mixture": "a.flac", "vocal": "a.vocals.wav"}}
    assert [(entry.what, entry.song_id) for entry in found.rejected] == [
        ("a.mp3", "a"),
        ("vocals/a.wav", "a"),
    ]
    assert "a.flac is the mixture of song 'a' already" in found.rejected[0].reason
    assert "metadata.jsonl" in found.rejected[0].fix


def test_a_plain_name_goes_before_a_doubtful_one(tmp_path: Path) -> None:
    found = discover_songs(tree(tmp_path, "a mix.wav", "a.wav", "a.vocals.wav"))
    assert songs(found)["a"]["mixture"] == "a.wav"


def test_hidden_files_and_what_is_no_music_are_passed_over(tmp_path: Path) -> None:
    names = [
        "a.txt",
        "a.lrc",
        "a.json",
        "cover.jpg",
        ".a.wav",
        ".git/b.wav",
        "a.lyrics.txt",
        "x.npy",
    ]
    assert discover(tmp_path, "a.mp3", *names) == {"a": {"mixture": "a.mp3"}}


def test_media_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    found = discover_songs(tree(tmp_path, "a.m4p", "b.mid", "c.mp3", "d.m4a"))
    assert list(songs(found)) == ["c", "d"]
    assert [entry.what for entry in found.rejected] == ["a.m4p", "b.mid"]
    assert "flac" in found.rejected[0].fix


def test_links_are_followed_and_loops_survived(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "songs", tmp_path / "elsewhere"
    tree(folder, "album/a.mp3")
    tree(elsewhere, "b.mp3")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "album" / "loop").symlink_to(folder)
    (folder / "self.mp3").symlink_to("self.mp3")
    (folder / "gone.mp3").symlink_to("nowhere.mp3")
    found = discover_songs(folder)
    assert list(songs(found)) == ["album/a", "linked/b"]
    assert [entry.what for entry in found.rejected] == ["gone.mp3", "self.mp3"]


def test_a_pipe_named_wav_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    assert "not a regular file" in discover_songs(tmp_path).rejected[0].reason


def test_any_name_will_do(tmp_path: Path) -> None:
    names = [
        "a b.mp3",
        "it's.mp3",
        '"q".mp3',
        "new\nline.mp3",
        "音楽.mp3",
        "ü/ß.mp3",
        "#1.mp3",
        "%2F.mp3",
    ]
    assert {tracks["mixture"] for tracks in discover(tmp_path, *names).values()} == set(names)


def test_a_name_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.mp3")).touch()
    (entry,) = discover_songs(tmp_path).rejected
    assert entry.what == "caf\\xe9.mp3"


def test_the_order_is_that_of_the_ids(tmp_path: Path) -> None:
    found = discover(tmp_path, "b.mp3", "a/z.mp3", "a.mp3", "C.mp3")
    assert list(found) == sorted(found)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such folder of songs"):
        discover_songs(tmp_path / "none")


def write_metadata(folder: Path, *rows: object, name: str = "metadata.jsonl") -> None:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_stems_whose_mixture_is_named_and_not_there_may_leave_it_out(tmp_path: Path) -> None:
    tree(tmp_path, "v.wav", "i.wav")
    row = {"vocals_file_name": "v.wav", "instrumental_file_name": "i.wav", "id": "rain"}
    write_metadata(tmp_path, {"file_name": "rain.mp3", **row}, {"file_name": "gone.mp3"})
    named, alone = (entry for entry in discover_songs(tmp_path).rejected if "jsonl" in entry.what)
    assert "or leave it out" in named.fix
    assert "or leave it out" not in alone.fix
    write_metadata(tmp_path, row)
    assert set(songs(discover_songs(tmp_path))) == {"rain"}


def test_metadata_says_it_first(tmp_path: Path) -> None:
    tree(tmp_path, "x1.mp3", "x2.mp3", "x3.mp3", "b.mp3", "b.Vocals.mp3", "c.mp3")
    write_metadata(
        tmp_path,
        {"file_name": "x1.mp3", "vocals_file_name": "x2.mp3", "instrumental_file_name": "x3.mp3",
         "id": "the song"},
        {"file_name": "b.mp3", "id": "renamed"},
    )  # fmt: skip
    found = discover_songs(tmp_path)
    assert found.rejected == ()
    assert songs(found) == {
        "the song": {"mixture": "x1.mp3", "vocal": "x2.mp3", "instrumental": "x3.mp3"},
        "renamed": {"mixture": "b.mp3", "vocal": "b.Vocals.mp3"},
        "c": {"mixture": "c.mp3"},
    }


def test_metadata_in_a_folder_speaks_of_that_folder(tmp_path: Path) -> None:
    tree(tmp_path, "album/a.mp3", "stems/v.mp3", "a.mp3")
    (tmp_path / "album" / "metadata.csv").write_text(
        "\ufefffile_name,vocals_file_name,id\na.mp3,../stems/v.mp3,\n", encoding="utf-8"
    )
    assert songs(discover_songs(tmp_path)) == {
        "album/a": {"mixture": "album/a.mp3", "vocal": "stems/v.mp3"},
        "a": {"mixture": "a.mp3"},
    }


def test_a_row_that_names_a_stem_as_its_file_has_no_mixture(tmp_path: Path) -> None:
    tree(tmp_path, "v.mp3", "i.mp3")
    row = {"file_name": "v.mp3", "vocals_file_name": "v.mp3", "instrumental_file_name": "i.mp3"}
    write_metadata(tmp_path, row)
    assert songs(discover_songs(tmp_path)) == {"v": {"vocal": "v.mp3", "instrumental": "i.mp3"}}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"file_name": "gone.mp3"}, "'gone.mp3', and there is no such audio file"),
        ({"file_name": "../../etc/passwd"}, "no such audio file"),
        ({"file_name": "/etc/passwd"}, "no such audio file"),
        ({"file_name": 7}, "file_name is 7"),
        ({"id": "x"}, "names no file"),
        ({"file_name": "a.mp3", "id": "\ud800"}, "half a surrogate pair"),
        ([1], "not a JSON object"),
        ({"file_name": "a.mp3", "id": "b"}, "id 'b'"),
        ({"file_name": "b.mp3", "id": "again"}, "belongs to another row already"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_by_its_line(
    tmp_path: Path, row: object, words: str
) -> None:
    tree(tmp_path, "a.mp3", "b.mp3")
    write_metadata(tmp_path, {"file_name": "b.mp3", "id": "b"}, row)
    found = discover_songs(tmp_path)
    (entry,) = found.rejected
    assert entry.what == "metadata.jsonl:2"
    assert words in entry.reason
    assert entry.fix
    assert songs(found)["b"] == {"mixture": "b.mp3"}


def test_a_cell_too_large_for_csv_is_named(tmp_path: Path) -> None:
    tree(tmp_path, "a.mp3", "b.mp3")
    rows = f"file_name,id,lyrics\na.mp3,first,la\nb.mp3,second,{'la ' * 50_000}\n"
    (tmp_path / "metadata.csv").write_text(rows)
    found = discover_songs(tmp_path)
    assert set(songs(found)) == {"first", "b"}
    assert "field larger than field limit" in found.rejected[0].reason


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_table_is_separated_by_what_parts_file_name(
    tmp_path: Path, delimiter: str, mark: str
) -> None:
    """The lyrics have more of the other two than the table has of its own."""
    tree(tmp_path, "v.wav", "i.wav", "b,c;d.mp3")
    rows = [
        ["artist", " vocals_file_name", "instrumental_file_name ", "id", "file_name", "lyrics"],
        ["Ann, Bo; Cy", "v.wav", "i.wav", "rain", "", '"one, two; three,\tfour;\n\nla ""la"", oh"'],
        ["3,5", "", "", "2", "b,c;d.mp3", "la" + delimiter * 0],
        ["", "", "", "", "", ""],
    ]
    lines = [
        delimiter.join(f'"{c}"' if delimiter in c and c[0] != '"' else c for c in row) + "\r\n"
        for row in rows
    ]
    text = mark + "\r\n" + "".join(lines)
    (tmp_path / "metadata.csv").write_bytes(text.encode())
    found = discover_songs(tmp_path)
    assert found.rejected == ()
    assert songs(found) == {
        "rain": {"vocal": "v.wav", "instrumental": "i.wav"},
        "2": {"mixture": "b,c;d.mp3"},
    }
    tracks = {"rain": ("v.wav", "i.wav"), "2": ("b,c;d.mp3",)}
    described = describe_songs(tmp_path, found, tracks)
    assert described.songs["rain"].artist == "Ann, Bo; Cy"
    assert described.songs["rain"].lyrics == 'one, two; three,\tfour;\n\nla "la", oh'
    assert described.songs["2"].artist == "3,5", "a cell is text"


@pytest.mark.parametrize(
    "header", ["name;artist", "file_name|artist", "", "a.mp3,Ann", '"file_name']
)
def test_a_table_that_names_no_file_s_column_is_one_clear_fault(
    tmp_path: Path, header: str
) -> None:
    tree(tmp_path, "a.mp3")
    (tmp_path / "metadata.csv").write_text(f"{header}\na.mp3;Ann\n")
    (entry,) = discover_songs(tmp_path).rejected
    assert entry.what == "metadata.csv:1"
    assert "no column of its first line is called file_name, vocals_file_name" in entry.reason
    assert "comma, semicolon or tab" in entry.fix


def test_a_row_with_more_cells_than_columns_is_named_and_empty_ones_are_not(
    tmp_path: Path,
) -> None:
    """Lyrics with a comma and no quotes used to be cut off at it in silence."""
    tree(tmp_path, "a.mp3", "b.mp3", "c.mp3")
    text = "file_name,lyrics\na.mp3,one, two\nb.mp3,la,,\nc.mp3\n"
    (tmp_path / "metadata.csv").write_text(text)
    (entry,) = discover_songs(tmp_path).rejected
    assert (entry.what, entry.reason) == (
        "metadata.csv:2", "it has 3 cells, and the first line names 2 columns"
    )  # fmt: skip
    assert entry.fix == 'put cells that hold a comma into quotes: "like, this"'


def test_media_that_cannot_be_read_is_named_by_its_song(tmp_path: Path) -> None:
    tree(tmp_path, "a.mp3", "a.mid", "b.Vocals.m4p", "b.mid")
    found = discover_songs(tmp_path)
    assert [(entry.what, entry.song_id) for entry in found.rejected] == [
        ("a.mid", "a"), ("b.Vocals.m4p", "b"), ("b.mid", "b")
    ]  # fmt: skip


def test_broken_json_spoils_its_own_line_only(tmp_path: Path) -> None:
    tree(tmp_path, "a.mp3")
    (tmp_path / "metadata.jsonl").write_text(
        '{"file_name": \n\n{"file_name": "a.mp3", "id": "A"}\n'
    )
    found = discover_songs(tmp_path)
    assert list(songs(found)) == ["A"]
    assert [entry.what for entry in found.rejected] == ["metadata.jsonl:1"]


def test_the_real_song_has_its_stems(golden: Path) -> None:
    found = discover_songs(golden / "audio")
    assert songs(found) == {
        "pop.00001": {
            "mixture": "pop.00001.mp3",
            "vocal": "pop.00001.Vocals.mp3",
            "instrumental": "pop.00001.Instrumental.mp3",
        }
    }
