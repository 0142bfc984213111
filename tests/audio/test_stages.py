"""The stages convert and separate in a project, through the store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.audio.conftest import convert_settings, music, write
from tests.folders import folder_digest
from yue.audio.converted_tracks import ConvertedTrack, Stems, read_stems, read_tracks
from yue.errors import AudioError, SongError
from yue.paths import Paths
from yue.recipe.model import Data, Recipe, Runtime, Separate
from yue.recipe.read import default_recipe
from yue.rejections import read_rejections
from yue.stages import convert, separate
from yue.wording import StageSummary


@pytest.fixture(autouse=True)
def no_dvc_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)


def recipe(workers: int = 2, *, missing: str = "instrumental", share: float = 0.9) -> Recipe:
    return replace(
        default_recipe(),
        data=Data(songs_dir="songs", max_rejected_share=share),
        convert=convert_settings(trim_silence=True, min_segment_length=0.5),
        separate=Separate(missing, "models/separator", -30.0),
        runtime=Runtime(workers=workers, device="cpu"),
    )


def project(folder: Path) -> Paths:
    """Three songs: stems without a mixture, a vocal with its mixture, a mixture alone."""
    songs = folder / "songs"
    vocal, band = music(3, seed=1), music(3, seed=2)
    write(songs / "album" / "a.Vocals.wav", vocal)
    write(songs / "album" / "a.Instrumental.wav", band)
    write(songs / "b it's\n音.wav", vocal + band, subtype="FLOAT")
    write(songs / "b it's\n音.vocals.wav", vocal, subtype="FLOAT")
    write(songs / "c.flac", band)
    return Paths(folder)


def run(paths: Paths, asked: Recipe) -> tuple[StageSummary, StageSummary]:
    return convert.main(asked, paths), separate.main(asked, paths)


def digests(paths: Paths) -> tuple[str, str]:
    return folder_digest(paths.audio), folder_digest(paths.stems)


def test_songs_become_pairs_and_the_work_of_a_changed_song_is_its_own(tmp_path: Path) -> None:
    paths = project(tmp_path / "one")
    first = run(paths, recipe(workers=2))
    assert first[0].made.startswith("3 songs (0 from the store, 3 converted), 5 tracks")
    assert first[1].made.startswith("3 songs (0 from the store, 3 new): 2 with stems")
    assert (first[0].rejected, first[1].rejected) == ("nothing", "nothing")
    assert "1 song without stems taken as instrumental, lyrics unused: c;" in first[1].next
    check_rows(paths)
    before = digests(paths)

    # Everything from the store: the same bytes.
    again = run(paths, recipe(workers=1))
    assert again[0].made.startswith("3 songs (3 from the store, 0 converted)")
    assert again[1].made.startswith("3 songs (3 from the store, 0 new)")
    assert digests(paths) == before

    # One song edited: its own work, and the others' bytes stay.
    other = {path.name: path.read_bytes() for path in paths.audio.glob("album*.npy")}
    write(paths.root / "songs" / "c.flac", music(3, seed=9))
    edited = run(paths, recipe())
    assert ", 1 " in edited[0].made.replace("(", ", ")
    assert edited[1].made.startswith("3 songs (2 from the store, 1 new)")
    assert {path.name: path.read_bytes() for path in paths.audio.glob("album*.npy")} == other

    # From nothing, with another number of workers: byte for byte the same.
    scratch = Paths(tmp_path / "two")
    (paths.root / "songs").rename(tmp_path / "two-songs")
    scratch.root.mkdir()
    (tmp_path / "two-songs").rename(scratch.root / "songs")
    fresh = run(scratch, recipe(workers=1))
    assert fresh[0].made.startswith("3 songs (0 from the store, 3 converted)")
    assert digests(scratch) == digests(paths)


def check_rows(paths: Paths) -> None:
    """The rows say what the files hold."""
    tracks = read_tracks(paths.audio / "audio.jsonl")
    assert [(track.song_id, track.role) for track in tracks] == [
        ("album/a", "instrumental"), ("album/a", "vocal"),
        ("b it's\n音", "mixture"), ("b it's\n音", "vocal"), ("c", "mixture"),
    ]  # fmt: skip
    for track in tracks:
        samples = np.load(paths.work / track.path)
        assert samples.shape == (track.samples,)
        assert samples.dtype == np.float32
        assert (paths.root / "songs" / track.source).is_file()
    songs = {song.song_id: song for song in read_stems(paths.stems / "stems.jsonl")}
    assert {song_id: song.kind for song_id, song in songs.items()} == {
        "album/a": "stems", "b it's\n音": "stems", "c": "unseparated",
    }  # fmt: skip
    for song in songs.values():
        pair = [np.load(paths.work / path) for path in (song.vocal, song.instrumental)]
        assert {len(track) for track in pair} == {song.samples}
        if song.mixture:
            np.testing.assert_allclose(sum(pair), np.load(paths.work / song.mixture), atol=1e-6)
        assert bool(song.singing) == (song.kind == "stems")
        assert song.singing_share == pytest.approx(1.0 if song.singing else 0.0, abs=0.05)
    assert songs["c"].instrumental == songs["c"].mixture
    assert songs["album/a"].mixture is None
    rows = [json.loads(line) for line in (paths.audio / "audio.jsonl").read_text().splitlines()]
    assert set(rows[0]) == set(ConvertedTrack.__dataclass_fields__)
    rows = [json.loads(line) for line in (paths.stems / "stems.jsonl").read_text().splitlines()]
    assert set(rows[0]) == set(Stems.__dataclass_fields__)
    kept = {path.name for path in paths.audio.iterdir()} - {"audio.jsonl", "rejected.json"}
    assert kept == {Path(track.path).name for track in tracks}


def test_every_bad_file_is_named_and_the_good_ones_go_on(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    songs = tmp_path / "songs"
    write(songs / "good.wav", music(2))
    (songs / "empty.wav").touch()
    (songs / "text.wav").write_text("la la la\n" * 100)
    cut = write(songs / "cut.mp3", music(4, 44_100), 44_100)
    cut.write_bytes(cut.read_bytes()[:20_000])
    write(songs / "alone.Vocals.wav", music(2))
    (songs / "phone.m4a").write_bytes(b"\0" * 100)
    done = run(paths, recipe())
    record = json.loads((paths.audio / "rejected.json").read_text())
    assert (record["found"], record["lost"]) == ({"songs": 6, "rows": 0}, 4)
    rejected = record["rejected"]
    assert [entry["what"] for entry in rejected] == [
        "cut.mp3",
        "empty.wav",
        "phone.m4a",
        "text.wav",
    ]
    assert all(
        set(entry) == {"stage", "lost", "what", "reason", "fix", "song_id"} for entry in rejected
    )
    assert all(entry["reason"] and entry["fix"] for entry in rejected)
    assert {entry["song_id"] for entry in rejected} == {"cut", "empty", "text", "phone"}
    for name in ("cut.mp3", "empty.wav", "phone.m4a", "text.wav"):
        assert name in done[0].rejected
    both = read_rejections(paths.stems / "rejected.json", "separate")
    assert (both.found, both.lost, len(both.at("convert").lost)) == (6, 5, 4)
    assert [(entry.song_id, entry.reason) for entry in both.at("separate").lost] == [
        ("alone", "it has a vocal track only")
    ]
    assert [song.song_id for song in read_stems(paths.stems / "stems.jsonl")] == ["good"]


def test_an_instrumental_that_is_named_as_a_vocal_is_rejected(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    bass = 0.2 * np.sin(2 * np.pi * 55 * np.arange(3 * 16_000) / 16_000).astype(np.float32)
    write(tmp_path / "songs" / "a.Vocals.wav", music(3, seed=1) + bass)
    write(tmp_path / "songs" / "a.Instrumental.wav", music(3, seed=2))
    write(tmp_path / "songs" / "b.wav", music(3, seed=3) + bass)
    run(paths, recipe())
    (entry,) = read_rejections(paths.stems / "rejected.json", "separate").at("separate").lost
    assert (entry.what, entry.song_id) == ("a.Vocals.wav", "a")
    assert "is named as a vocal" in entry.reason
    assert [song.song_id for song in read_stems(paths.stems / "stems.jsonl")] == ["b"]


def test_too_many_rejections_stop_the_stage_and_leave_its_output_alone(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    write(tmp_path / "songs" / "a.wav", music(2))
    (tmp_path / "songs" / "b.wav").touch()
    paths.audio.mkdir(parents=True)
    (paths.audio / "old").touch()
    with pytest.raises(SongError) as caught:
        convert.main(recipe(share=0.4), paths)
    for words in ("1 of 2", "b.wav: it is empty", "50%", "max_rejected_share is 40%"):
        assert words in str(caught.value)
    assert str(paths.too_many_rejected) in caught.value.fix
    assert read_rejections(paths.too_many_rejected, "convert").lost == 1
    assert [path.name for path in paths.audio.iterdir()] == ["old"]


def test_a_folder_without_songs_is_named(tmp_path: Path) -> None:
    (tmp_path / "songs").mkdir()
    with pytest.raises(AudioError, match="no songs in it"):
        convert.main(recipe(), Paths(tmp_path))


def test_another_setting_is_another_result(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    write(tmp_path / "songs" / "a.wav", music(2.7))
    run(paths, recipe())
    loud = replace(recipe(), separate=Separate("instrumental", "models/separator", -20.0))
    done = run(paths, loud)
    assert done[0].made.startswith("1 song (1 from the store, 0 converted)")
    assert done[1].made.startswith("1 song (0 from the store, 1 new)")
    # Pieces are songs of their own.
    asked = replace(recipe(), convert=convert_settings(segment_length=1.0, min_segment_length=0.5))
    done = run(paths, asked)
    assert done[0].made.startswith("1 song (0 from the store, 1 converted), 3 tracks")
    songs = read_stems(paths.stems / "stems.jsonl")
    assert [(song.song_id, song.seconds) for song in songs] == [
        ("a#000", 1.0), ("a#001", 1.0), ("a#002", pytest.approx(0.7)),
    ]  # fmt: skip
