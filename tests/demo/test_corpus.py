from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.folders import folder_digest
from yue.demo.corpus import FINE_TUNING, PRETRAINING, compose_songs, write_songs
from yue.demo.styles import FRAME, SAMPLE_RATE
from yue.songs.lyrics import parse_lyrics

FEW = replace(FINE_TUNING, count=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("songs") / "songs"
    write_songs(FEW, path, seed=0)
    return path


def test_equal_seeds_write_equal_bytes_and_others_other_bytes(folder: Path, tmp_path: Path) -> None:
    write_songs(FEW, tmp_path / "again", seed=0)
    assert folder_digest(tmp_path / "again") == folder_digest(folder)
    write_songs(FEW, tmp_path / "other", seed=1)
    assert folder_digest(tmp_path / "other") != folder_digest(folder)


def test_a_song_is_two_stems_and_three_sidecars(folder: Path) -> None:
    names = {path.stem for path in folder.glob("*.json")}
    assert len(names) == FEW.count
    for name in names:
        kinds = sorted(path.name.removeprefix(f"{name}.") for path in folder.glob(f"{name}.*"))
        suffix = kinds[0].split(".")[1]
        assert suffix in {"wav", "flac", "mp3"}
        assert kinds == [
            f"Instrumental.{suffix}",
            f"Vocals.{suffix}",
            "genres.txt",
            "json",
            "lyrics.txt",
        ]


def test_every_format_is_there_and_decodes_to_the_length_of_the_sections(folder: Path) -> None:
    formats = set()
    for path in folder.glob("*.Vocals.*"):
        name = path.name.split(".")[0]
        vocal, rate = soundfile.read(path, dtype="float32")
        other, other_rate = soundfile.read(str(path).replace("Vocals", "Instrumental"))
        sections = json.loads((folder / f"{name}.json").read_text())["sections"]
        assert rate == other_rate == SAMPLE_RATE
        assert len(vocal) == len(other)
        assert len(vocal) / rate == pytest.approx(sections[-1]["end"])
        assert np.abs(vocal).max() < 1.0
        formats.add(path.suffix)
    assert formats == {".wav", ".flac", ".mp3"}


def test_lyrics_and_times_name_the_same_sections_in_the_same_order(folder: Path) -> None:
    for path in folder.glob("*.json"):
        sections = json.loads(path.read_text())["sections"]
        lyrics = parse_lyrics((folder / f"{path.stem}.lyrics.txt").read_text())
        assert [section["label"] for section in sections] == [part.label for part in lyrics]
        assert sections[0]["start"] == 0
        for before, after in itertools.pairwise(sections):
            assert before["end"] == after["start"] > before["start"]


def test_sections_start_on_a_frame_of_the_codec(folder: Path) -> None:
    for path in folder.glob("*.json"):
        for section in json.loads(path.read_text())["sections"]:
            frames = section["start"] * SAMPLE_RATE / FRAME
            assert frames == pytest.approx(round(frames), abs=1e-6)


def test_the_pipeline_finds_a_pair_of_stems_for_every_song(folder: Path) -> None:
    from yue.audio.discover import discover_songs

    found = discover_songs(folder)
    assert not found.rejected
    assert len(found.songs) == FEW.count
    for song in found.songs:
        assert set(song.tracks) == {"vocal", "instrumental"}


def test_songs_are_fifteen_to_twenty_five_seconds_and_all_different() -> None:
    scores = list(compose_songs(FINE_TUNING, seed=0))
    for score in scores:
        assert 15 <= score.steps * score.step_samples / SAMPLE_RATE <= 25
    assert len({(score.parts, score.hits, score.sections) for score in scores}) == len(scores)
    assert len({score.parts for score in scores}) == len(scores)


def test_songs_to_fine_tune_on_are_not_among_those_of_pretraining() -> None:
    tuning = list(compose_songs(FINE_TUNING, seed=0))
    pretraining = list(compose_songs(PRETRAINING, seed=0))
    lines = [
        {line for score in scores for section in score.sections for line in section.lines}
        for scores in (tuning, pretraining)
    ]
    assert not lines[0] & lines[1]
    assert not {s.step_frames for s in tuning} & {s.step_frames for s in pretraining}
    assert not {s.genres for s in tuning} & {s.genres for s in pretraining}
