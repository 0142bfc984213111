"""Rows of songs.jsonl: a bad line is named, and the lines after it are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.errors import SongError
from yue.tokens.options import Options
from yue.tokens.row_reader import Rejected, SongRow, read_rows

SEGMENT = {"codec_frame_start": 0, "codec_frame_end": 50, "line_content": "[verse]\na\n\n"}
ROW = {
    "id": "x",
    "vocals_codec": "v.npy",
    "instrumental_codec": "i.npy",
    "audio_length_in_sec": 1.0,
    "genres": "pop",
    "splitted_lyrics": {"segmented_lyrics": [SEGMENT]},
}


def read(tmp_path: Path, *lines: bytes | dict[str, Any]) -> list[SongRow | Rejected]:
    path = tmp_path / "songs.jsonl"
    data = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(data) + b"\n")
    return list(read_rows(path))


def test_a_row_is_read(tmp_path: Path) -> None:
    (row,) = read(tmp_path, {**ROW, "offset": 3, "unknown": {"kept": "out"}})
    assert isinstance(row, SongRow)
    assert row.id == "x"
    assert row.codes == {"vocal": "v.npy", "instrumental": "i.npy"}
    assert (row.seconds, row.genres) == (1.0, "pop")
    assert [(s.start, s.end, s.line_content) for s in row.segments] == [(0, 50, "[verse]\na\n\n")]
    assert row.place == "songs.jsonl:1 (song 'x')"


@pytest.mark.parametrize(
    "options", [Options(layout="mix"), Options(layout="icl", audio_prompt="mixture")]
)
def test_a_song_without_a_mixture_says_what_else_to_take(tmp_path: Path, options: Options) -> None:
    (tmp_path / "songs.jsonl").write_text(json.dumps(ROW))
    (found,) = read_rows(tmp_path / "songs.jsonl", options)
    assert isinstance(found, Rejected)
    assert "'codec' is missing" in found.reason
    assert "tokens.track (--track)" in found.fix


def test_a_track_of_codes_is_known_for_what_it_is(tmp_path: Path) -> None:
    track = {"song_id": "x", "role": "vocal", "path": "codes/x.vocal.npy", "frames": 50}
    (found,) = read(tmp_path, track)
    assert isinstance(found, Rejected)
    assert "a track of a codes.jsonl" in found.reason
    assert "yue preprocess" in found.fix


def test_a_number_is_an_id(tmp_path: Path) -> None:
    assert [row.id for row in read(tmp_path, {**ROW, "id": 7}) if isinstance(row, SongRow)] == ["7"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "the line is blank"),
        (b"   ", "the line is blank"),
        (b'{"id": "x"', "not valid JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b"\xff\xfe{}", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        ({}, "'id' is missing"),
        ({**ROW, "id": ""}, "'id' is missing"),
        ({**ROW, "id": True}, "'id' is missing"),
        ({**ROW, "genres": 5}, "'genres' is 5"),
        ({**ROW, "genres": None}, "'genres' is None"),
        ({k: v for k, v in ROW.items() if k != "genres"}, "'genres' is missing"),
        ({**ROW, "vocals_codec": None}, "'vocals_codec' is None"),
        ({**ROW, "audio_length_in_sec": 0}, "'audio_length_in_sec' is 0"),
        ({**ROW, "audio_length_in_sec": float("nan")}, "'audio_length_in_sec' is nan"),
        ({**ROW, "audio_length_in_sec": float("inf")}, "'audio_length_in_sec' is inf"),
        ({**ROW, "audio_length_in_sec": "1"}, "'audio_length_in_sec' is '1'"),
        ({**ROW, "splitted_lyrics": []}, "'splitted_lyrics' is []"),
        ({**ROW, "splitted_lyrics": {"segmented_lyrics": []}}, "'segmented_lyrics' is empty"),
        ({**ROW, "splitted_lyrics": {"segmented_lyrics": ["a"]}}, "a section is not a JSON object"),
        (
            {**ROW, "splitted_lyrics": {"segmented_lyrics": [{**SEGMENT, "codec_frame_end": 1.5}]}},
            "'codec_frame_end' is 1.5",
        ),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(
    tmp_path: Path, line: bytes | dict[str, Any], reason: str
) -> None:
    found = read(tmp_path, ROW, line, {**ROW, "id": "z"})
    assert len(found) == 3
    assert isinstance(found[0], SongRow)
    assert isinstance(found[2], SongRow)
    assert isinstance(found[1], Rejected)
    assert found[1].what.startswith("songs.jsonl:2")
    assert reason in found[1].reason
    assert found[1].fix


def test_a_fault_in_a_section_names_the_section(tmp_path: Path) -> None:
    bad = {"segmented_lyrics": [SEGMENT, {**SEGMENT, "line_content": 3}]}
    (found,) = read(tmp_path, {**ROW, "splitted_lyrics": bad})
    assert isinstance(found, Rejected)
    assert found.what == "songs.jsonl:1 (song 'x'), section 2"
    assert found.song_id == "x"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SongError, match=r"none\.jsonl: cannot be read"):
        list(read_rows(tmp_path / "none.jsonl"))


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=5))
def test_any_bytes_are_rows_or_rejections(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    found = read(tmp_path_factory.getbasetemp(), *lines, ROW)
    assert len(found) == len(lines) + 1
    assert isinstance(found[-1], SongRow)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.sampled_from([*ROW]), JSON)
def test_any_value_under_any_key_is_a_row_or_a_rejection(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    (found,) = read(tmp_path_factory.getbasetemp(), {**ROW, key: value})
    assert isinstance(found, SongRow | Rejected)
