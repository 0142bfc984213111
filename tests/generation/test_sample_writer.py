"""Tracks and WAV files that never clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from yue.generation.sample_writer import mix_tracks, write_wav

audio = arrays.arrays(np.float32, st.integers(0, 50), elements=st.floats(-3, 3, width=32))


@given(audio, audio, st.none() | audio)
def test_tracks_keep_their_balance_and_never_clip(
    vocal: np.ndarray, instrumental: np.ndarray, mix: np.ndarray | None
) -> None:
    tracks = mix_tracks(vocal, instrumental, mix)
    samples = min(track.size for track in (vocal, instrumental, mix) if track is not None)
    whole = vocal[:samples] + instrumental[:samples] if mix is None else mix[:samples]
    given_tracks = np.stack([vocal[:samples], instrumental[:samples], whole])
    found = np.stack([tracks["vocal"], tracks["instrumental"], tracks["mix"]])
    peak = np.abs(given_tracks).max(initial=0)
    assert np.abs(found).max(initial=0) <= 0.98 + 1e-6
    assert np.allclose(found, given_tracks * min(1, 0.98 / max(peak, 1e-9)), atol=1e-6)


def test_audio_that_does_not_clip_stays_as_it_is() -> None:
    vocal = np.array([0.1, -0.4], dtype=np.float32)
    tracks = mix_tracks(vocal, vocal)
    assert np.array_equal(tracks["vocal"], vocal)
    assert np.array_equal(tracks["mix"], 2 * vocal)


def test_a_wav_file_holds_the_samples(tmp_path: Path) -> None:
    samples = np.array([-1, -0.5, 0, 0.25, 1], dtype=np.float32)
    write_wav(tmp_path / "a.wav", samples, 16_000)
    found, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert rate == 16_000
    assert np.allclose(found, samples, atol=1 / 32767)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
