"""A folder with everything that goes wrong: each file is converted or named, and nothing stops."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.audio.conftest import RATE, music, write
from tests.audio.test_decoders import encode
from yue.audio.converted_tracks import read_tracks
from yue.cli import main

GOOD = {
    "with space.wav": (44_100, 1),
    'it\'s "quoted".flac': (44_100, 2),
    "two\nlines.wav": (RATE, 1),
    "音楽 ä.wav": (48_000, 2),
    "one/song.mp3": (44_100, 2),
    "two/song.mp3": (44_100, 2),
    "surround.wav": (48_000, 8),
    "phone.wav": (8_000, 1),
    "studio.wav": (192_000, 2),
    "instinct.wav": (RATE, 1),
}
BAD = {
    "cut.mp3": "cut off",
    "empty.wav": "empty (0 bytes)",
    "text.wav": "not audio",
    "nan.wav": "not numbers",
    "click.wav": "0.050 s",
    "silence": "silent",  # a song, of one file or more
    "secret.wav": "cannot be read",
    "loop.wav": "broken link",
    "video.mp4": "not audio",
    "same.wav": "already",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    songs = tmp_path / "A"
    for number, (name, (rate, channels)) in enumerate(GOOD.items()):
        samples = np.stack([music(1.5, rate, seed=number + c) for c in range(channels)], axis=1)
        write(songs / name, samples, rate)
    encode(songs / "phone call.m4a", "aac", music(1.5, 44_100))
    whole = write(songs / "cut.mp3", music(4, 44_100), 44_100).read_bytes()
    (songs / "cut.mp3").write_bytes(whole[: len(whole) // 2])
    (songs / "empty.wav").touch()
    (songs / "text.wav").write_text("la la la\n" * 99)
    write(songs / "nan.wav", np.full(RATE, np.nan, np.float32), subtype="FLOAT")
    write(songs / "click.wav", music(0.05))
    write(songs / "silence.wav", np.zeros(RATE, np.float32))
    write(songs / "secret.wav", music(1)).chmod(0)
    (songs / "loop.wav").symlink_to("loop.wav")
    (songs / "one" / "round").symlink_to(songs, target_is_directory=True)
    (songs / "video.mp4").write_bytes(b"\0" * 999)
    write(songs / "same.flac", music(1))
    write(songs / "same.wav", music(1))
    (songs / "cover.jpg").write_bytes(b"no music, passed over")
    return songs


def test_every_file_is_converted_or_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder.parent / "B"
    flags = ["--sr", "16000", "--mono", "--normalize", "--min-segment-length", "0.5"]
    if os.geteuid() == 0:  # root may read everything
        (folder / "secret.wav").unlink()
    assert main(["convert", "--input-dir", str(folder), "--output-dir", str(out), *flags]) == 0
    tracks = {track.source: track for track in read_tracks(out / "audio.jsonl")}
    assert set(tracks) == {*GOOD, "phone call.m4a", "same.flac"}
    for track in tracks.values():
        samples = np.load(folder.parent / track.path)
        assert samples.dtype == np.float32
        assert samples.shape == (track.samples,)
        assert track.sample_rate == RATE
        assert track.seconds == pytest.approx(1.0 if "same" in track.source else 1.5, abs=0.06)
        assert np.abs(samples).max() == pytest.approx(0.95, abs=1e-4)
    assert tracks["one/song.mp3"].song_id == "one/song"
    assert tracks["two/song.mp3"].song_id == "two/song"
    assert len({track.path for track in tracks.values()}) == len(tracks)
    rejected = {e["what"]: e for e in json.loads((out / "rejected.json").read_text())["rejected"]}
    expected = set(BAD) - ({"secret.wav"} if os.geteuid() == 0 else set())
    assert set(rejected) == expected
    for name, entry in rejected.items():
        assert BAD[name] in entry["reason"], name
        assert entry["fix"]
    printed = capsys.readouterr()
    # same.wav wants the place of same.flac, whose song stays.
    lost = f"{len(expected) - 1} songs, 1 file or part of songs that stay"
    assert f"rejected: {lost}\n" in printed.out
    for name in expected:  # each with its reason and what to do about it
        assert f"    {name}: {rejected[name]['reason']}\n" in printed.out
        assert f"fix: {rejected[name]['fix']}\n" in printed.out
    assert "Traceback" not in printed.out + printed.err
