from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs.conftest import RATE, sing
from yue.codecs.base import Audio
from yue.codecs.melrvq import MelRvq
from yue.codecs.melrvq_fit import fit
from yue.codecs.melrvq_mel import mel_distance
from yue.codecs.registry import load_codec, read_card
from yue.errors import CodecError

HOP = 320


def test_a_fit_meets_the_bar_on_audio_that_it_did_not_see(melrvq: MelRvq) -> None:
    report = melrvq.report
    assert report is not None
    assert report.held_out_seconds == pytest.approx(6, abs=0.1)
    assert report.mel_distance["1"] < 0.30
    assert report.mel_distance["8"] < 0.20


def test_the_distance_tells_a_copy_from_other_music_and_from_silence(
    tracks: Sequence[Audio],
) -> None:
    track = tracks[0]
    shifted = np.roll(track, RATE // 2)
    assert mel_distance(track, track, RATE) == 0
    assert mel_distance(track, shifted, RATE) > 0.5
    assert mel_distance(track, 0 * track, RATE) > 1
    assert mel_distance(track, track * 0.5, RATE) == pytest.approx(np.log10(2), abs=0.02)


def test_more_codebooks_come_closer(melrvq: MelRvq, tracks: Sequence[Audio]) -> None:
    part = tracks[1][-3 * RATE :]
    codes = melrvq.encode(part[np.newaxis])[0]
    distances = [mel_distance(part, melrvq.decode(codes[:k]), RATE) for k in (1, 4, 8)]
    assert distances == sorted(distances, reverse=True)


@settings(max_examples=25)
@given(samples=st.integers(1, 12_000), level=st.floats(0, 1), seed=st.integers(0, 9))
def test_any_audio_becomes_one_code_in_range_a_frame_and_codebook(
    melrvq: MelRvq, samples: int, level: float, seed: int
) -> None:
    audio = np.random.default_rng(seed).normal(0, level, (2, samples)).astype(np.float32)
    codes = melrvq.encode(audio)
    assert codes.dtype == np.int16
    assert codes.shape == (2, 8, -(-samples // HOP))
    assert codes.min() >= 0
    assert (codes.max(axis=(0, 2)) < melrvq.codebook_sizes).all()
    assert melrvq.decode(codes[0]).shape == (codes.shape[2] * HOP,)


@settings(max_examples=15)
@given(order=st.permutations(range(4)), size=st.integers(1, 4), samples=st.integers(1, 5 * RATE))
def test_a_track_has_the_same_codes_in_any_batch(
    melrvq: MelRvq, tracks: Sequence[Audio], order: list[int], size: int, samples: int
) -> None:
    batch = np.stack([tracks[index][:samples] for index in order[:size]])
    together = melrvq.encode(batch)
    alone = [melrvq.encode(track[np.newaxis])[0] for track in batch]
    np.testing.assert_array_equal(together, alone)


def test_a_fit_of_the_same_audio_is_the_same_to_the_byte(
    tracks: Sequence[Audio], tmp_path: Path
) -> None:
    parts = [track[: 5 * RATE] for track in tracks]
    for name in ("first", "second"):
        fit(parts, codebooks=2, seed=3).save(tmp_path / name)
    other = fit(parts, codebooks=2, seed=4)
    first = load_codec("melrvq", tmp_path / "first")
    assert first.digest != other.digest
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()


def test_a_saved_codec_is_the_same_codec(
    melrvq: MelRvq, tracks: Sequence[Audio], tmp_path: Path
) -> None:
    melrvq.save(tmp_path / "codec")
    loaded = load_codec("melrvq", tmp_path / "codec")
    assert loaded.card == melrvq.card == read_card("melrvq", tmp_path / "codec")
    audio = tracks[0][np.newaxis, : 2 * RATE]
    np.testing.assert_array_equal(loaded.encode(audio), melrvq.encode(audio))
    codes = loaded.encode(audio)[0]
    np.testing.assert_array_equal(loaded.decode(codes), melrvq.decode(codes))
    np.testing.assert_array_equal(loaded.decode(codes), loaded.decode(codes))


def test_fewer_codebooks_are_the_first_ones(
    melrvq: MelRvq, tracks: Sequence[Audio], tmp_path: Path
) -> None:
    melrvq.save(tmp_path / "codec")
    three = load_codec("melrvq", tmp_path / "codec", codebooks=3)
    audio = tracks[0][np.newaxis, :RATE]
    np.testing.assert_array_equal(three.encode(audio), melrvq.encode(audio)[:, :3])
    assert three.digest == melrvq.digest
    with pytest.raises(CodecError, match="9 codebooks of melrvq, which has 8"):
        load_codec("melrvq", tmp_path / "codec", codebooks=9)


def test_little_audio_uses_fewer_codes_but_keeps_the_layout(tracks: Sequence[Audio]) -> None:
    codec = fit([tracks[0][: 4 * RATE]], codebooks=2, codebook_size=[512, 64])
    assert codec.codebook_sizes == (512, 64)
    assert codec.fitted == (codec.report.frames // 8, codec.report.frames // 8)
    codes = codec.encode(tracks[0][np.newaxis])[0]
    assert codes.max() < codec.fitted[0] < 64
    unused = np.full((2, 10), 63)
    assert np.abs(codec.decode(unused)).max() < 1e-3  # a code that nothing has is silence


def test_silence_stays_silent(melrvq: MelRvq) -> None:
    codes = melrvq.encode(np.zeros((1, RATE), np.float32))[0]
    assert np.abs(melrvq.decode(codes)).max() < 2e-3


@pytest.mark.parametrize("gain", [1.0, 0.3, 0.1])
def test_music_unlike_the_fit_is_heard_at_about_its_level(melrvq: MelRvq, gain: float) -> None:
    audio = (gain * sing(np.random.default_rng(99), 4))[np.newaxis]
    decoded = melrvq.decode(melrvq.encode(audio)[0])
    assert 0.4 < np.std(decoded) / np.std(audio) < 1.6


@pytest.mark.parametrize("stem", [".Vocals", ".Instrumental", ""])
def test_a_real_song_stays_audible(melrvq: MelRvq, golden: Path, stem: str) -> None:
    from yue.codecs.audio_tracks import read_audio_file

    song = read_audio_file(golden / "audio" / f"pop.00001{stem}.mp3", RATE)[: 8 * RATE]
    codes = melrvq.encode(song[np.newaxis])[0]
    decoded = melrvq.decode(codes)
    assert np.std(melrvq.decode(codes[:1])) > 0.1 * np.std(song)
    assert 0.3 < np.std(decoded) / np.std(song) < 1.6
    assert mel_distance(song, decoded, RATE) < 0.35


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((1, 0), np.float32), "nothing to encode"),
        (np.zeros(100, np.float32), "nothing to encode"),
        (np.full((1, 100), np.nan, np.float32), "not finite"),
        (np.full((1, 100), np.inf, np.float32), "not finite"),
    ],
)
def test_what_is_no_audio_is_refused(melrvq: MelRvq, audio: np.ndarray, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        melrvq.encode(audio)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.full((1, 5), 1024), "code 1024 in codebook 0"),
        (np.array([[0], [-1]]), "code -1 in codebook 1"),
        (np.zeros((9, 5), int), r"\(9, 5\)"),
        (np.zeros(5, int), r"\(5,\)"),
    ],
)
def test_what_are_no_codes_is_refused(melrvq: MelRvq, codes: np.ndarray, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        melrvq.decode(codes)


def test_too_little_audio_for_a_codec_is_refused() -> None:
    with pytest.raises(CodecError, match="too little"):
        fit([np.ones(1000, np.float32)])
    with pytest.raises(CodecError, match="too little"):
        fit([])


def test_a_folder_without_a_codec_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(
        CodecError, match=r"yue fit-codec .* FOLDER as codec\.path \(--codec-path\)"
    ):
        load_codec("melrvq", tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hop", 0),
        ("n_fft", 100),
        ("sample_rate", float("inf")),
        ("sample_rate", -16_000),
        ("fitted_sizes", [1.5] * 8),
    ],
)
def test_a_shape_that_gives_no_frames_is_named(
    melrvq: MelRvq, tmp_path: Path, key: str, value: object
) -> None:
    melrvq.save(tmp_path / "codec")
    config = tmp_path / "codec" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), key: value}))
    with pytest.raises(CodecError, match="not a usable melrvq codec"):
        load_codec("melrvq", tmp_path / "codec")


def test_others_can_read_a_saved_codec(melrvq: MelRvq, tmp_path: Path) -> None:
    melrvq.save(tmp_path / "codec")
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "codec").iterdir()} == {0o644}


@pytest.mark.parametrize("damage", ["cut", "other codec", "other shape", "no json"])
def test_a_damaged_codec_is_named(melrvq: MelRvq, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "codec"
    melrvq.save(folder)
    weights, config = folder / "codebooks.safetensors", folder / "config.json"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "other codec":
        config.write_text(config.read_text().replace('"melrvq"', '"xcodec"'))
    elif damage == "other shape":
        config.write_text(config.read_text().replace('"mels": 96', '"mels": 80'))
    else:
        config.write_text("{")
    with pytest.raises(CodecError, match="not a usable melrvq codec"):
        load_codec("melrvq", folder)
