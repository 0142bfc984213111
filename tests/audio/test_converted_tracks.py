"""Rows that name files and lengths hold names and lengths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from yue.audio.converted_tracks import read_tracks
from yue.errors import AudioError

ROW = {
    "song_id": "a", "role": "mixture", "path": "audio/a.npy", "source": "a.wav",
    "sample_rate": 16_000, "samples": 16_000, "seconds": 1, "gain_db": 0.0, "trim_start": 0.0,
    "peak": 1.0, "rms_db": -3.0, "lufs": None, "clipped_share": 0.0, "dc": 0.0,
    "silence_share": 0.0, "digest": "d",
}  # fmt: skip


def write(file: Path, **changes: Any) -> Path:
    file.write_text(json.dumps({**ROW, **changes}) + "\n")
    return file


def test_a_whole_number_of_seconds_is_a_row(tmp_path: Path) -> None:
    [track] = read_tracks(write(tmp_path / "audio.jsonl"))
    assert (track.seconds, track.lufs) == (1, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("role", "../../evil"),
        ("role", None),
        ("song_id", 5),
        ("path", 5),
        ("samples", "16000"),
        ("samples", 1.5),
        ("sample_rate", True),
    ],
)
def test_a_value_of_another_kind_is_named(tmp_path: Path, field: str, value: Any) -> None:
    with pytest.raises(AudioError, match=rf"jsonl:1: .*{field} is"):
        read_tracks(write(tmp_path / "audio.jsonl", **{field: value}))


@pytest.mark.parametrize("field", ["samples", "sample_rate"])
@pytest.mark.parametrize("value", [0, -16000])
def test_a_track_has_samples_at_some_rate(tmp_path: Path, field: str, value: int) -> None:
    with pytest.raises(AudioError, match=r"jsonl:1: .*samples at"):
        read_tracks(write(tmp_path / "audio.jsonl", **{field: value}))
