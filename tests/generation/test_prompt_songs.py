"""Which songs give prompts, and their own recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yue.errors import YueError
from yue.files import write_json, write_jsonl
from yue.generation.prompt_songs import choose_songs, recorded_audio, recorded_codes


def row(song_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": song_id,
        "genres": "folk",
        "vocals_codec": f"codes/{song_id}.v.npy",
        "instrumental_codec": f"codes/{song_id}.i.npy",
        "splitted_lyrics": {
            "segmented_lyrics": [
                {"codec_frame_start": 0, "codec_frame_end": 3, "line_content": "[verse]\nla\n\n"},
                {"codec_frame_start": 5, "codec_frame_end": 9, "line_content": "[outro]\n\n"},
            ]
        },
        **changes,
    }


@pytest.fixture
def work(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "songs.jsonl", [row(song) for song in "abcde"])
    write_json(tmp_path / "split.json", {"train": ["a", "b"], "valid": ["e", "d"], "test": ["c"]})
    (tmp_path / "codes").mkdir()
    np.save(tmp_path / "codes/d.v.npy", np.arange(20, dtype=np.int16).reshape(2, 10))
    np.save(tmp_path / "codes/d.i.npy", np.arange(20, 40, dtype=np.int16).reshape(2, 10))
    return tmp_path


def test_held_out_songs_come_first_and_training_songs_last(work: Path) -> None:
    chosen = choose_songs(work, 4)
    assert [(song.song_id, song.split) for song in chosen] == [
        ("d", "valid"),
        ("e", "valid"),
        ("c", "test"),
        ("a", "train"),
    ]
    assert chosen[0].line_contents == ("[verse]\nla\n\n", "[outro]\n\n")
    assert chosen[0].frames == ((0, 3), (5, 9))
    assert len(choose_songs(work, 99)) == 5


def test_a_recording_is_cut_to_the_sections(work: Path) -> None:
    np.save(work / "voice.npy", np.arange(100, dtype=np.float32))
    (work / "stems").mkdir()
    stem = {"song_id": "d", "vocal": "voice.npy", "instrumental": None, "sample_rate": 10}
    write_jsonl(work / "stems" / "stems.jsonl", [stem])
    recording = choose_songs(work, 1)[0].recording
    assert recording is not None
    codes = recorded_codes(recording, [(0, 2), (5, 9)], codebooks=2)
    assert codes["vocal"].tolist() == [[0, 1, 5, 6, 7, 8], [10, 11, 15, 16, 17, 18]]
    codes = recorded_codes(recording, [(0, 2), (5, 9)], codebooks=1)
    assert codes["instrumental"].tolist() == [[20, 21, 25, 26, 27, 28]]
    assert codes["vocal"].dtype == np.int16
    audio = recorded_audio(recording, [(0.0, 0.2), (1.05, 1.3)])
    assert set(audio) == {"vocal"}
    assert audio["vocal"].tolist() == [0, 1, 10, 11, 12]


def test_a_song_of_the_split_without_a_row_is_named(work: Path) -> None:
    write_json(work / "split.json", {"valid": ["zzz"]})
    with pytest.raises(YueError, match=r"no row in songs\.jsonl for 'zzz'"):
        choose_songs(work, 1)


def test_no_songs_at_all_is_an_error(work: Path) -> None:
    write_json(work / "split.json", {"train": [], "valid": []})
    with pytest.raises(YueError, match="no songs to take prompts from"):
        choose_songs(work, 1)


@pytest.mark.parametrize("change", [{"genres": None}, {"splitted_lyrics": []}])
def test_a_garbled_row_is_named(work: Path, change: dict[str, Any]) -> None:
    garbled = {key: value for key, value in row("d", **change).items() if value is not None}
    write_jsonl(work / "songs.jsonl", [garbled, row("e")])
    with pytest.raises(YueError, match="song 'd' lacks or garbles"):
        choose_songs(work, 2)


def test_codes_that_are_missing_are_named(work: Path) -> None:
    recording = choose_songs(work, 2)[1].recording
    assert recording is not None
    with pytest.raises(YueError, match=r"e\.v\.npy: cannot be read"):
        recorded_codes(recording, [(0, 2)], codebooks=1)
