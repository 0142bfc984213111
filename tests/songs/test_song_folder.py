"""Metadata files and sidecars."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from yue.audio.discover import discover_songs
from yue.errors import SongError
from yue.songs.song_folder import DescribedSongs, describe_songs, find_sidecars
from yue.songs.song_metadata import Description, describe
from yue.songs.timeline import OPEN_END


class Folder:
    """Files on disk, and the songs they belong to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tracks: dict[str, tuple[str, ...]] = {}

    def song(self, song_id: str, *files: str) -> None:
        self.tracks[song_id] = files
        for file in files:
            self.write(file, "")

    def write(self, name: str, text: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def read(self) -> DescribedSongs:
        return describe_songs(self.root, discover_songs(self.root), self.tracks)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_sidecars_bear_the_name_of_the_song(folder: Folder) -> None:
    folder.song("a/b.01", "a/b.01.mp3", "a/b.01.Vocals.mp3")
    folder.song("a/c", "a/c.mp3")
    folder.write("a/b.01.lyrics.txt", "[verse]\none\n")
    folder.write("a/b.01.genres.txt", "pop,\nfemale vocal\n")
    folder.write("a/c.TXT", "two")
    songs = folder.read().songs
    assert songs["a/b.01"] == Description(genres="pop, female vocal", lyrics="[verse]\none\n")
    assert songs["a/c"].lyrics == "two"


def test_a_song_with_an_id_of_its_own_keeps_its_sidecars(folder: Folder) -> None:
    folder.song("id 1", "x.Vocals.wav", "x.Instrumental.wav")
    folder.write("x.lyrics.txt", "one")
    assert folder.read().songs["id 1"].lyrics == "one"


def test_an_lrc_takes_the_labels_of_the_lyrics_beside_it(folder: Folder) -> None:
    folder.song("a", "a.mp3")
    folder.write("a.lrc", "[00:01.00]one\n[00:03.00]two\n")
    folder.write("a.lyrics.txt", "[verse]\nOne\n[bridge]\nTwo\n")
    assert folder.read().songs["a"].lyrics == (
        "[verse]\n[00:01.000]one\n[bridge]\n[00:03.000]two\n"
    )


def test_plain_names_count_in_a_folder_with_one_song_only(folder: Folder) -> None:
    folder.song("one/song", "one/vocals/song.mp3", "one/instrumental/song.mp3")
    folder.song("two/a", "two/a.mp3")
    folder.song("two/b", "two/b.mp3")
    folder.write("one/lyrics.txt", "one")
    folder.write("one/genre.txt", "pop")
    folder.write("two/lyrics.txt", "whose?")
    found = folder.read()
    assert found.songs["one/song"] == Description(genres="pop", lyrics="one")
    assert found.songs["two/a"].lyrics is None
    assert tuple(map(str, found.warnings)) == (
        "two/lyrics.txt: belongs to no song; rename it to SONG.lyrics.txt, beside SONG.mp3",
    )


def test_of_plain_files_the_nearest_to_the_song_counts(folder: Folder) -> None:
    folder.song("album/disc/song", "album/disc/song.mp3")
    folder.write("genres.txt", "far")
    folder.write("album/genres.txt", "nearer")
    folder.write("album/lyrics.txt", "far")
    folder.write("album/disc/lyrics.txt", "nearest")
    found = folder.read().songs["album/disc/song"]
    assert found == Description(genres="nearer", lyrics="nearest")


def test_lyrics_that_bear_no_song_s_name_are_not_lost_in_silence(folder: Folder) -> None:
    folder.song("a", "a.mp3")
    folder.song("b", "b.mp3")
    for name in ("A.lrc", "c.lyrics.txt", "genre.txt", "notes.txt", "x.json"):
        folder.write(name, "[00:01.00]x")
    warnings = folder.read().warnings
    assert [warning.where for warning in warnings] == ["A.lrc", "c.lyrics.txt", "genre.txt"]
    names = ("SONG.lrc,", "SONG.lyrics.txt,", "SONG.genres.txt,")
    assert all(name in warning.text for name, warning in zip(names, warnings, strict=True))


@pytest.mark.parametrize(
    "data", ["\ufeffé one".encode(), "é one".encode("utf-16"), b"\xc3\xa9 one"]
)
def test_lyrics_in_the_usual_encodings(folder: Folder, data: bytes) -> None:
    folder.song("a", "a.mp3")
    folder.write("a.txt", data)
    assert folder.read().songs["a"].lyrics == "é one"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"caf\xe9", "not UTF-8"),
        ("a.json", b"{", "not valid JSON"),
        ("a.json", b"[]", "not a JSON object"),
        ("a.json", b'{"genres": 3}', "'genres' is 3"),
        ("a.lrc", b"no times", "no line has a time"),
    ],
)
def test_a_sidecar_that_cannot_be_used_is_named(
    folder: Folder, name: str, data: bytes, reason: str
) -> None:
    folder.song("a", "a.mp3")
    folder.song("b", "b.mp3")
    folder.write(name, data)
    folder.write("b.txt", "fine")
    found = folder.read()
    assert found.faults["a"].what == name
    assert reason in found.faults["a"].why
    assert found.faults["a"].fix
    assert found.songs["b"].lyrics == "fine"


def rows() -> list[dict[str, Any]]:
    return [
        {"file_name": "x/a.mp3", "artist": "Ann", "genres": "pop, rock", "lyrics": "one\ntwo",
         "sections": [{"start": 0, "end": 4.5, "label": "Verse"}]},
        {"vocals_file_name": "b.v.mp3", "instrumental_file_name": "b.i.mp3", "id": "B",
         "artist": "", "genres": "jazz", "lyrics": "", "sections": ""},
    ]  # fmt: skip


def as_csv(items: list[dict[str, Any]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, sorted({key for item in items for key in item}))
    writer.writeheader()
    for item in items:
        cells = {k: json.dumps(v) if isinstance(v, list) else v for k, v in item.items()}
        writer.writerow(cells)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_metadata_files_of_both_kinds_say_the_same(folder: Folder, kind: str) -> None:
    folder.song("x/a", "x/a.mp3")
    folder.song("B", "b.v.mp3", "b.i.mp3")
    text = "\n".join(map(json.dumps, rows())) if kind == "jsonl" else as_csv(rows())
    folder.write(f"metadata.{kind}", "\ufeff" + text)
    songs = folder.read().songs
    assert songs["x/a"].artist == "Ann"
    assert songs["x/a"].genres == "pop, rock"
    assert songs["x/a"].lyrics == "one\ntwo"
    assert [(s.label, s.start, s.end) for s in songs["x/a"].sections] == [("verse", 0.0, 4.5)]
    assert songs["B"] == Description(genres="jazz")


def test_file_names_are_relative_to_their_metadata_file(folder: Folder) -> None:
    folder.song("x/a", "x/a.mp3")
    folder.write("x/metadata.jsonl", '{"file_name": "a.mp3", "genres": ["pop", " rock,"]}\n\nbad\n')
    assert folder.read().songs["x/a"].genres == "pop, rock"


def test_a_fault_in_a_row_is_named_with_its_line(folder: Folder) -> None:
    folder.song("a", "a.mp3")
    folder.write("metadata.jsonl", '\n{"file_name": "a.mp3", "artist": 7}\n')
    fault = folder.read().faults["a"]
    assert (fault.what, fault.why) == ("metadata.jsonl:2", "'artist' is 7, not text")


@pytest.mark.parametrize("file", ["metadata.jsonl", "metadata.csv", "a.json"])
def test_misspelt_keys_are_named_with_the_nearest(folder: Folder, file: str) -> None:
    folder.song("a", "a.mp3")
    row = {"file_name": "a.mp3", "lyric": "la", "Genre": "pop", "title": "x", "bpm": 90}
    folder.write(file, (as_csv([row]) if file.endswith("csv") else json.dumps(row)) + "\n")
    assert {warning.text for warning in folder.read().warnings} == {
        "unknown key 'lyric', not read; did you mean 'lyrics'?",
        "unknown key 'Genre', not read; did you mean 'genres'?",
    }


def test_metadata_is_believed_before_sidecars_and_filled_up_from_them(folder: Folder) -> None:
    folder.song("a", "a.mp3")
    folder.write("metadata.jsonl", '{"file_name": "a.mp3", "genres": "pop"}\n')
    folder.write("a.json", '{"genres": "rock", "artist": "Ann"}')
    folder.write("a.lrc", "[00:01.00]timed\n")
    folder.write("a.txt", "untimed\n")
    assert folder.read().songs["a"] == Description("Ann", "pop", "[00:01.00]timed\n")


def test_sections_without_text_take_the_lyrics_beside_them(folder: Folder) -> None:
    folder.song("a", "a.mp3")
    folder.write("a.json", '{"sections": [{"start": 0, "label": "verse"}]}')
    folder.write("a.lyrics.txt", "[verse]\none\n")
    found = folder.read().songs["a"]
    assert found.lyrics == "[verse]\none\n"
    assert found.sections[0].end == OPEN_END


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"start": 0}, "'label' is None"),
        ({"start": 0, "label": "[ ]"}, "'label' is"),
        ({"label": "verse"}, "'start' is None"),
        ({"start": -1, "label": "verse"}, "'start' is -1"),
        ({"start": float("nan"), "label": "verse"}, "'start' is nan"),
        ({"start": "0:10", "label": "verse"}, "'start' is '0:10'"),
        ({"start": 5, "end": 5, "label": "verse"}, "ends at 5 s"),
        ({"start": 5, "end": 6, "label": "verse", "text": [1]}, "'text' is"),
        ("verse", "is no object"),
    ],
)
def test_sections_with_faults_are_named(section: Any, reason: str) -> None:
    good = {"start": 0, "label": "intro"}
    with pytest.raises(SongError) as caught:
        describe({"sections": [good, section]}, "metadata.jsonl:7")
    assert caught.value.what == "metadata.jsonl:7, section 2"
    assert reason in caught.value.why
    assert caught.value.fix


def test_surrogates_and_control_characters_never_reach_a_row() -> None:
    record = json.loads('{"artist": "a\\ud800\\u0000b", "genres": "x\\ny"}')
    assert describe(record, "x") == Description(artist="ab", genres="x y")


def test_a_loop_of_links_is_entered_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("x")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert discover_songs(tmp_path).files == ("a/x.txt",)


def test_an_id_never_becomes_a_path(tmp_path: Path) -> None:
    found = find_sidecars(["a.txt"], {"../../etc/passwd": ("a.mp3",)})
    assert found.of == {"../../etc/passwd": {"text": "a.txt"}}
