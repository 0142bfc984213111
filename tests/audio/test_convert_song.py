"""One song's tracks keep their synchrony and their balance, whatever is done to them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.audio.conftest import RATE, convert_settings, music, write
from yue.audio.convert_song import convert_song
from yue.audio.converted_tracks import ConvertedTrack, read_tracks, to_float
from yue.audio.decoders import Samples
from yue.errors import AudioError


def convert(
    folder: Path, files: dict[str, Path], **settings: object
) -> list[tuple[ConvertedTrack, Samples]]:
    """The rows of a song with their arrays."""
    folder.mkdir()
    named = {role: (path, path.name) for role, path in files.items()}
    convert_song("the song", named, convert_settings(**settings), folder)
    rows = read_tracks(folder / "audio.jsonl")
    expected = {row.path for row in rows} | {"audio.jsonl"}
    assert {path.name for path in folder.iterdir()} == expected
    return [(row, np.load(folder / row.path)) for row in rows]


def stems(folder: Path, rate: int, suffix: str = "wav", **options: str) -> dict[str, Path]:
    """Two stems with silence at both ends, and their exact mix."""
    vocal, band = music(8, rate, seed=1, level=0.15), music(8, rate, seed=2, level=0.4)
    for stem, start, end in ((vocal, 2.5, 5.0), (band, 1.2, 7.1)):
        stem[: round(start * rate)] = 0
        stem[round(end * rate) :] = 0
    tracks = {"vocal": vocal, "instrumental": band, "mixture": vocal + band}
    return {
        role: write(folder / f"{role}.{suffix}", samples, rate, **options)
        for role, samples in tracks.items()
    }


@pytest.mark.parametrize("normalize", ["peak", "loudness", "none"])
@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_the_stems_still_mix_to_the_mixture_after_gain_trim_and_cuts(
    tmp_path: Path, normalize: str, rate: int
) -> None:
    files = stems(tmp_path, rate, subtype="FLOAT")
    done = convert(
        tmp_path / "out", files,
        normalize=normalize, trim_silence=True, segment_length=1.5, min_segment_length=1.0,
    )  # fmt: skip
    pieces = {row.song_id for row, _ in done}
    assert pieces == {"#000", "#001", "#002", "#003"}
    assert len({row.gain_db for row, _ in done}) == 1
    for piece in pieces:
        arrays = {row.role: samples for row, samples in done if row.song_id == piece}
        starts = {row.trim_start for row, _ in done if row.song_id == piece}
        assert len(starts) == 1
        np.testing.assert_allclose(
            arrays["vocal"] + arrays["instrumental"], arrays["mixture"], atol=2e-6
        )


def test_every_piece_is_the_stretch_of_the_source_that_its_row_says(tmp_path: Path) -> None:
    files = stems(tmp_path, RATE, subtype="FLOAT")
    whole = {row.role: samples for row, samples in convert(tmp_path / "a", files, normalize="none")}
    done = convert(
        tmp_path / "b", files,
        trim_silence=True, segment_length=2.0, min_segment_length=0.5, max_amplitude=0.8,
    )  # fmt: skip
    assert done[0][0].trim_start == pytest.approx(1.15, abs=0.01)
    for row, samples in done:
        start = round(row.trim_start * RATE)
        gain = 10 ** (row.gain_db / 20)
        source = whole[row.role][start : start + row.samples]
        np.testing.assert_allclose(samples, source * gain, atol=1e-6)
    assert max(np.abs(samples).max() for _, samples in done) == pytest.approx(0.8, abs=1e-6)


def test_levels_survive_lossy_files_too(tmp_path: Path) -> None:
    files = stems(tmp_path, 44_100, suffix="mp3")
    done = {row.role: samples for row, samples in convert(tmp_path / "out", files)}
    rest = done["vocal"] + done["instrumental"] - done["mixture"]
    assert np.square(rest).sum() < 1e-3 * np.square(done["mixture"]).sum()


def test_peak_normalisation_scales_the_highest_track_to_the_limit(tmp_path: Path) -> None:
    files = stems(tmp_path, RATE, subtype="FLOAT")
    done = convert(tmp_path / "out", files, max_amplitude=0.95)
    peaks = {row.role: float(np.abs(samples).max()) for row, samples in done}
    assert max(peaks.values()) == pytest.approx(0.95, abs=1e-6)
    assert peaks["vocal"] < 0.6
    assert {row.peak for row, _ in done} == {round(peak, 6) for peak in peaks.values()}


def test_loudness_normalisation_reaches_the_loudness_of_the_mix(tmp_path: Path) -> None:
    files = stems(tmp_path, RATE, subtype="FLOAT")
    done = convert(tmp_path / "out", files, normalize="loudness", loudness=-24.0)
    lufs = {row.role: row.lufs for row, _ in done}
    assert lufs["mixture"] == pytest.approx(-24, abs=0.05)
    del files["mixture"]
    done = convert(tmp_path / "sum", files, normalize="loudness", loudness=-24.0)
    assert {row.role: row.lufs for row, _ in done} == {
        role: pytest.approx(lufs[role], abs=0.01) for role in ("vocal", "instrumental")
    }


def test_loudness_never_passes_the_peak_limit(tmp_path: Path) -> None:
    samples = music(4, level=0.05)
    samples[RATE] = 0.9
    done = convert(
        tmp_path / "out", {"mixture": write(tmp_path / "a.wav", samples, subtype="FLOAT")},
        normalize="loudness", loudness=-10.0, max_amplitude=0.95,
    )  # fmt: skip
    # A click is a hair higher between the samples than at them.
    assert np.abs(done[0][1]).max() == pytest.approx(0.95, rel=0.02)
    assert np.abs(done[0][1]).max() <= 0.95


def test_loudness_holds_the_true_peak_below_the_limit(tmp_path: Path) -> None:
    # A quarter of the sample rate, sampled beside its crests: 0.707 of them.
    tone = 0.3 * np.sin(np.pi / 2 * np.arange(4 * RATE) + np.pi / 4)
    path = write(tmp_path / "a.wav", tone.astype(np.float32), subtype="FLOAT")
    asked = {"loudness": 0.0, "max_amplitude": 0.9}
    done = convert(tmp_path / "out", {"mixture": path}, normalize="loudness", **asked)
    assert np.abs(done[0][1]).max() == pytest.approx(0.9 * np.sqrt(0.5), rel=0.03)
    done = convert(tmp_path / "peak", {"mixture": path}, **asked)
    assert np.abs(done[0][1]).max() == pytest.approx(0.9, rel=1e-6)


def test_int16_arrays_are_the_rounded_samples(tmp_path: Path) -> None:
    files = stems(tmp_path, RATE, subtype="FLOAT")
    exact = convert(tmp_path / "float", files)
    stored = convert(tmp_path / "int", files, dtype="int16")
    for (row, wanted), (other, found) in zip(exact, stored, strict=True):
        assert found.dtype == np.int16
        samples = to_float(found)
        assert np.abs(samples - wanted).max() <= 0.5 / 32768 + 1e-9
        assert other.peak == pytest.approx(float(np.abs(samples).max()), abs=1e-6)
        assert (row.samples, row.gain_db) == (other.samples, other.gain_db)


def test_quiet_cuts_are_the_same_in_all_tracks(tmp_path: Path) -> None:
    vocal, band = music(8, seed=1), music(8, seed=2)
    for rest in (int(1.8 * RATE), int(3.5 * RATE)):
        vocal[rest : rest + 1600], band[rest : rest + 1600] = 0, 0
    files = {
        "vocal": write(tmp_path / "v.wav", vocal, subtype="FLOAT"),
        "instrumental": write(tmp_path / "i.wav", band, subtype="FLOAT"),
    }
    asked = {"segment_length": 2.0, "segment_cut": "quiet", "normalize": "none"}
    done = convert(tmp_path / "out", files, **asked)
    starts = sorted({row.trim_start for row, _ in done if row.role == "vocal"})
    assert starts == sorted({row.trim_start for row, _ in done if row.role == "instrumental"})
    assert starts[1] == pytest.approx(1.85, abs=0.06)
    assert starts[2] == pytest.approx(3.55, abs=0.06)
    joined = np.concatenate([samples for row, samples in done if row.role == "vocal"])
    np.testing.assert_array_equal(joined, vocal[: len(joined)])


def test_the_rate_of_a_source_does_not_move_its_track(tmp_path: Path) -> None:
    files = {
        "vocal": write(tmp_path / "a.wav", music(3, 44_100, seed=5), 44_100, subtype="FLOAT"),
        "instrumental": write(
            tmp_path / "b.wav", music(3, 48_000, seed=5), 48_000, subtype="FLOAT"
        ),
    }
    (_, first), (_, second) = convert(tmp_path / "out", files)
    assert first.shape == second.shape
    lags = np.correlate(first[8000:16_000], second[8010:15_990], "valid")
    assert int(np.argmax(lags)) == 10


def test_a_little_shorter_track_is_followed_by_silence(tmp_path: Path) -> None:
    vocal, band = music(2.0, seed=1), music(2.4, seed=2)
    files = {
        "vocal": write(tmp_path / "v.wav", vocal),
        "instrumental": write(tmp_path / "i.wav", band),
    }
    done = {row.role: samples for row, samples in convert(tmp_path / "out", files)}
    assert done["vocal"].shape == done["instrumental"].shape == (38_400,)
    assert not done["vocal"][32_000:].any()
    assert done["vocal"][:32_000].any()


def test_tracks_of_two_recordings_are_refused(tmp_path: Path) -> None:
    files = {
        "vocal": write(tmp_path / "v.wav", music(2)),
        "mixture": write(tmp_path / "m.wav", music(4)),
    }
    with pytest.raises(AudioError, match=r"vocal 2\.0 s, mixture 4\.0 s"):
        convert(tmp_path / "out", files)


def test_many_channels_become_their_mean(tmp_path: Path) -> None:
    samples = np.stack([music(1, seed=i) for i in range(8)], axis=1)
    file = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    ((row, mono),) = convert(tmp_path / "out", {"mixture": file}, normalize="none")
    np.testing.assert_allclose(mono, samples.mean(axis=1), atol=1e-6)
    assert (row.samples, mono.dtype) == (RATE, np.float32)


def test_stereo_is_kept_when_asked_for(tmp_path: Path) -> None:
    samples = np.stack([music(1, seed=1), music(1, seed=2)], axis=1)
    file = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    ((row, stereo),) = convert(tmp_path / "out", {"mixture": file}, mono=False, normalize="none")
    assert stereo.shape == (2, RATE)
    assert row.samples == RATE
    np.testing.assert_allclose(stereo, samples.T, atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 192_000])
def test_low_and_high_rates_keep_pitch_and_length(tmp_path: Path, rate: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * rate) / rate)
    file = write(tmp_path / "a.wav", tone.astype(np.float32), rate)
    ((_, samples),) = convert(tmp_path / "out", {"mixture": file})
    assert len(samples) == 2 * RATE
    assert int(np.argmax(np.abs(np.fft.rfft(samples)))) == 2000


def test_clipping_is_counted_in_the_source(tmp_path: Path) -> None:
    samples = np.clip(8 * music(2), -1, 1)
    file = write(tmp_path / "a.wav", samples, subtype="PCM_16")
    ((row, _),) = convert(tmp_path / "out", {"mixture": file}, max_amplitude=0.5)
    assert row.clipped_share == pytest.approx(np.mean(np.abs(samples) >= 0.99997), abs=1e-4)
    assert row.clipped_share > 0.01


def test_a_silent_song_is_refused_but_not_a_silent_stem(tmp_path: Path) -> None:
    silence = write(tmp_path / "v.wav", np.zeros(2 * RATE, np.float32))
    band = write(tmp_path / "i.wav", music(2))
    with pytest.raises(AudioError, match="it is silent"):
        convert(tmp_path / "a", {"mixture": silence})
    rows = {
        row.role: row
        for row, _ in convert(tmp_path / "b", {"vocal": silence, "instrumental": band})
    }
    assert (rows["vocal"].rms_db, rows["vocal"].lufs, rows["vocal"].silence_share) == (
        -120,
        None,
        1,
    )


def test_a_song_shorter_than_the_least_length_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", music(0.8))
    with pytest.raises(AudioError, match=r"convert\.min_segment_length is 1\.0 s"):
        convert(tmp_path / "out", {"mixture": file}, min_segment_length=1.0)


def test_a_damaged_track_is_named_and_not_the_song(tmp_path: Path) -> None:
    files = {"vocal": write(tmp_path / "v.wav", music(2)), "mixture": tmp_path / "m.wav"}
    files["mixture"].write_bytes(b"")
    with pytest.raises(AudioError) as caught:
        convert(tmp_path / "out", files)
    assert caught.value.what == "m.wav"


def test_a_long_song_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    minutes = 20
    file = write(tmp_path / "a.wav", np.tile(music(60, 8_000), minutes), 8_000)
    tracemalloc.start()
    try:
        convert_song(
            "a", {"mixture": (file, "a.wav")}, convert_settings(sample_rate=8_000), tmp_path
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.5 * minutes * 60 * 8_000 * 4


def test_the_real_song_s_stems_are_aligned(golden: Path, tmp_path: Path) -> None:
    names = {"mixture": "pop.00001.mp3", "vocal": "pop.00001.Vocals.mp3",
             "instrumental": "pop.00001.Instrumental.mp3"}  # fmt: skip
    files = {role: golden / "audio" / name for role, name in names.items()}
    done = {row.role: samples for row, samples in convert(tmp_path / "out", files)}
    rest = done["vocal"] + done["instrumental"] - done["mixture"]
    # These stems were separated by a model: what is missing is 27 dB below the mixture.
    assert np.square(rest).sum() < 0.003 * np.square(done["mixture"]).sum()
