"""Every format comes in whole; what is damaged is named and refused."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audio.conftest import music, read, refusal, write
from yue.audio.decode import open_audio

TONE = music(1.5, 44_100)


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.wav", {"subtype": "PCM_U8"}, 1 / 100),
        ("a.wav", {"subtype": "PCM_16"}, 1e-4),
        ("a.wav", {"subtype": "PCM_24"}, 1e-6),
        ("a.wav", {"subtype": "PCM_32"}, 1e-6),
        ("a.wav", {"subtype": "FLOAT"}, 0),
        ("a.wav", {"subtype": "DOUBLE"}, 0),
        ("a.WAV", {"subtype": "PCM_16", "format": "WAVEX"}, 1e-4),
        ("a.wav", {"subtype": "PCM_16", "format": "RF64"}, 1e-4),
        ("a.flac", {"subtype": "PCM_16"}, 1e-4),
        ("a.flac", {"subtype": "PCM_24"}, 1e-6),
        ("a.aiff", {"subtype": "PCM_16"}, 1e-4),
        ("a.aif", {"subtype": "FLOAT", "format": "AIFF"}, 0),
        ("a.caf", {"subtype": "PCM_16"}, 1e-4),
        ("a.au", {"subtype": "PCM_16"}, 1e-4),
        ("a.w64", {"subtype": "PCM_16"}, 1e-4),
        ("a.mp3", {}, 0.05),
        ("a.ogg", {"subtype": "VORBIS"}, 0.05),
    ],
)
def test_every_format_gives_the_samples_back_at_their_place(
    tmp_path: Path, name: str, options: dict[str, str], tolerance: float
) -> None:
    samples = read(write(tmp_path / name, TONE, 44_100, **options))
    assert samples.shape == (len(TONE), 1)
    assert samples.dtype == np.float32
    # An encoder's delay that was not taken away would be far above any tolerance here.
    assert np.abs(samples[:, 0] - TONE).max() <= tolerance


def test_opus_is_read_at_its_own_rate(tmp_path: Path) -> None:
    tone = music(1.5, 48_000)
    samples = read(write(tmp_path / "a.opus", tone, 48_000, format="OGG", subtype="OPUS"))
    assert samples.shape == (len(tone), 1)
    assert np.corrcoef(samples[:, 0], tone)[0, 1] > 0.99


def test_a_tag_before_an_mp3_moves_nothing(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.mp3", TONE, 44_100)
    body = b"TIT2" + struct.pack(">I", 5) + b"\0\0" + b"\0Song"
    tag = b"ID3\x03\0\0" + bytes([0, 0, 0, len(body)]) + body
    tagged = tmp_path / "tagged.mp3"
    tagged.write_bytes(tag + plain.read_bytes())
    np.testing.assert_array_equal(read(tagged), read(plain))


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (192_000, 2), (48_000, 8)])
def test_rates_and_channels_are_kept(tmp_path: Path, rate: int, channels: int) -> None:
    samples = np.stack([music(0.5, rate, seed=i) for i in range(channels)], axis=1)
    path = write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    with open_audio(path) as audio:
        assert (audio.format.sample_rate, audio.format.channels) == (rate, channels)
        np.testing.assert_array_equal(np.concatenate(list(audio.blocks())), samples)


def test_a_long_file_comes_in_blocks(tmp_path: Path) -> None:
    samples = music(12, 44_100)
    path = write(tmp_path / "a.flac", samples, 44_100, subtype="PCM_24")
    with open_audio(path) as audio:
        blocks = list(audio.blocks())
    assert len(blocks) > 5
    np.testing.assert_allclose(np.concatenate(blocks)[:, 0], samples, atol=1e-6)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    assert "empty (0 bytes)" in refusal(tmp_path / "a.wav").why


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.ogg", "a.aiff"])
def test_a_text_file_is_not_audio(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("these are the lyrics\n" * 300)
    assert "not audio" in refusal(tmp_path / name).why


def test_noise_named_mp3_is_not_audio_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.mp3").write_bytes(np.random.default_rng(0).bytes(200_000))
    assert "not audio" in refusal(tmp_path / "a.mp3").why
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.wav", {"subtype": "PCM_16"}),
        ("a.wav", {"subtype": "DOUBLE"}),
        ("a.aiff", {}),
        ("a.flac", {}),
        ("a.mp3", {}),
        ("a.ogg", {"subtype": "VORBIS"}),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}),
    ],
)
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_a_file_that_was_cut_off_is_refused(
    tmp_path: Path, name: str, options: dict[str, str], share: float
) -> None:
    path = write(tmp_path / name, music(4, 48_000), 48_000, **options)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    error = refusal(path)
    assert "cut off" in error.why or "damaged near" in error.why


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lost=st.integers(2, 30_000))
def test_no_cut_of_a_wav_goes_unnoticed(tmp_path: Path, lost: int) -> None:
    path = write(tmp_path / "a.wav", music(1), subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-lost])
    refusal(path)


def test_a_wav_that_was_streamed_without_a_length_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", music(1), subtype="PCM_16")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = data[4:8] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert read(path).shape == (16_000, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    samples = music(3)
    samples[40_000] = value
    error = refusal(write(tmp_path / "a.wav", samples, subtype="FLOAT"))
    assert "not numbers" in error.why


def test_what_is_too_short_to_be_music_is_refused(tmp_path: Path) -> None:
    assert "0.050 s" in refusal(write(tmp_path / "a.wav", music(0.05))).why
    assert len(read(write(tmp_path / "b.wav", music(0.1)))) == 1600


def test_a_header_without_samples_is_refused(tmp_path: Path) -> None:
    refusal(write(tmp_path / "a.wav", np.zeros(0, np.float32)))


def test_an_absurd_sample_rate_is_refused(tmp_path: Path) -> None:
    assert "10 Hz" in refusal(write(tmp_path / "a.wav", music(1), 10)).why


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    assert "cannot be read" in refusal(tmp_path / "missing.wav").why
    assert "cannot be read" in refusal(tmp_path / "folder.wav").why


def test_a_file_without_the_right_to_read_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", music(1))
    path.chmod(0)
    if os.geteuid() != 0:
        assert "Permission denied" in refusal(path).why
        return
    tmp_path.chmod(0o711)
    os.seteuid(65_534)  # root may read everything: be nobody for a moment
    try:
        assert "Permission denied" in refusal(path).why
    finally:
        os.seteuid(0)


def test_the_real_mp3s_are_of_one_length(golden: Path) -> None:
    shapes = {read(path).shape for path in sorted((golden / "audio").glob("*.mp3"))}
    assert shapes == {(1_323_008, 2)}


def test_a_newline_or_quote_in_a_name_is_no_trouble(tmp_path: Path) -> None:
    path = write(tmp_path / 'it\'s "ä\n\u97f3\u697d".wav', TONE, 44_100)
    assert len(read(path)) == soundfile.info(path).frames
