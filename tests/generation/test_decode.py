"""Tracks and WAV files that never clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from yue.generation.decode import mix_tracks, unclipped, write_wav

audio = arrays.arrays(np.float32, st.integers(0, 50), elements=st.floats(-3, 3, width=32))


@given(audio, audio)
def test_a_mix_is_the_sum_of_its_tracks_and_never_clips(
    vocal: np.ndarray, instrumental: np.ndarray
) -> None:
    tracks = mix_tracks(vocal, instrumental)
    samples = min(vocal.size, instrumental.size)
    whole = vocal[:samples] + instrumental[:samples]
    for track in (tracks.vocal, tracks.instrumental, tracks.mix):
        assert track.shape == (samples,)
        assert np.abs(track).max(initial=0) <= 1
    peak = np.abs(whole).max(initial=0)
    assert np.allclose(tracks.mix, whole / max(1, peak), atol=1e-6)


@given(audio)
def test_audio_that_does_not_clip_stays_as_it_is(track: np.ndarray) -> None:
    quiet = track / 3
    assert unclipped(quiet) is quiet or not quiet.size


def test_a_wav_file_holds_the_samples(tmp_path: Path) -> None:
    samples = np.array([-1, -0.5, 0, 0.25, 1], dtype=np.float32)
    write_wav(tmp_path / "a.wav", samples, 16_000)
    found, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert rate == 16_000
    assert np.allclose(found, samples, atol=1 / 32767)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
