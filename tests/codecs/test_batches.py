from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.codecs import tiny
from tests.codecs.conftest import RATE, play
from yue.codecs.audio_tracks import SongTracks, TrackFile
from yue.codecs.base import Codec
from yue.codecs.card import CodecCard, Window
from yue.codecs.encode_flow import batches
from yue.codecs.encode_songs import Encoded, encode_songs
from yue.codecs.melrvq import MelRvq
from yue.codecs.registry import load_codec
from yue.codecs.torch_codec import TorchCodec

MUSIC = play(np.random.default_rng(0), 8)


@pytest.fixture(scope="module", params=["melrvq", "xcodec", "dac16k", "dac44k"])
def codec(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, melrvq: MelRvq
) -> Codec:
    """Each codec, with windows that are shorter than the songs here."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "melrvq":
        return melrvq
    if request.param == "xcodec":
        return load_codec("xcodec", tiny.save_xcodec(folder), codebooks=8)
    codec = load_codec(request.param, tiny.save_dac(folder, request.param))
    codec.card = replace(codec.card, window=Window(16, 8))
    return codec


def save_songs(folder: Path, lengths: Sequence[int], rate: int | None = None) -> list[SongTracks]:
    songs = []
    for number, samples in enumerate(lengths):
        tracks = []
        for role, start in (("vocal", 0), ("instrumental", 4 * RATE)):
            path = folder / f"{number}.{role}.npy"
            np.save(path, MUSIC[start + 500 * number :][:samples])
            tracks.append(TrackFile(role, path))
        songs.append(SongTracks(str(number), rate, None, tuple(tracks)))
    return songs


def encode(
    songs: Sequence[SongTracks], codecs: Sequence[Codec], folder: Path, workers: int = 1
) -> Encoded:
    folder.mkdir()
    card = codecs[0].card
    return encode_songs(
        songs, card, lambda: codecs, folder, prefix="codes", store=None, workers=workers
    )


@settings(max_examples=4)
@given(
    lengths=st.lists(st.sampled_from([1, 319, 3200, 6401, 12_800, 12_801]), min_size=1, max_size=4),
    data=st.data(),
    workers=st.integers(1, 2),
    seconds=st.sampled_from([0.3, 1.0, 60.0]),
)
def test_a_songs_codes_are_the_same_in_any_company(
    codec: Codec, lengths: list[int], data: st.DataObject, workers: int, seconds: float
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as name:
        if isinstance(codec, TorchCodec):
            patch.setattr(codec, "batch_seconds", seconds)
            patch.setattr(codec, "_most_seconds", seconds)
        songs = save_songs(Path(name), lengths)
        shuffled = data.draw(st.permutations(songs))
        encode(shuffled, [codec] * workers, Path(name) / "codes", workers)
        for song in songs:
            for track in song.tracks:
                codes = np.load(Path(name) / "codes" / f"{song.song_id}.{track.role}.npy")
                alone = codec.encode(np.load(track.path)[np.newaxis])[0]
                np.testing.assert_array_equal(codes, alone)


@given(st.lists(st.floats(0, 100), max_size=30), st.floats(0, 200))
def test_batches_hold_every_song_once_and_no_more_than_fits(
    seconds: list[float], limit: float
) -> None:
    found = batches(seconds, limit)
    assert sorted(place for batch in found for place in batch) == list(range(len(seconds)))
    for batch in found:
        assert len(batch) == 1 or sum(seconds[place] for place in batch) <= limit


class Small(TorchCodec):
    """Codes are the first samples of frames; memory is for two rows of two seconds."""

    def __init__(self) -> None:
        super().__init__(
            CodecCard("dac16k", "digest", RATE, Fraction(50), (1024,)), torch.nn.Linear(1, 1)
        )
        self.calls: list[int] = []

    def _model_encode(self, audio: Tensor) -> Tensor:
        self.calls.append(len(audio))
        if len(audio) > 2 or audio.shape[1] > 2 * RATE:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return (audio[:, None, :: self.card.hop] * 1000).abs().long()

    def _model_decode(self, codes: Tensor) -> Tensor:
        return codes[0].float().repeat_interleave(self.card.hop)


@pytest.fixture
def small() -> Small:
    return Small()


def test_a_batch_that_does_not_fit_is_halved_and_the_rest_goes_on(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yue.codecs.torch_codec.free_bytes", lambda device: 1e9)
    audio = np.stack([MUSIC[start : start + 3200] for start in range(0, 70_000, 10_000)])
    codes = small.encode(audio)
    np.testing.assert_array_equal(codes[:, 0], (np.abs(audio[:, ::320]) * 1000).astype(np.int16))
    assert small.calls == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    small.calls.clear()
    small.encode(audio)
    assert small.calls == [1] * 7  # it remembers


def test_a_song_that_never_fits_is_left_out_alone(small: Small, tmp_path: Path) -> None:
    songs = save_songs(tmp_path, [RATE, 3 * RATE, RATE])
    done = encode(songs, [small], tmp_path / "codes")
    assert done.songs == 2
    [entry] = done.rejected
    assert (entry.song_id, "segment_length" in entry.fix) == ("1", True)
    assert "3 s of audio do not fit into the memory of cpu" in entry.reason


def test_other_errors_of_a_model_are_not_taken_for_want_of_memory(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(audio: Tensor) -> Tensor:
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(small, "_model_encode", broken)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        small.encode(np.zeros((1, 3200), np.float32))


def test_memory_bounds_a_batch(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yue.codecs.torch_codec.free_bytes", lambda device: 0.4 * 50e6)
    small.encode(np.zeros((5, 3200), np.float32))
    assert small.calls == [2, 2, 1]  # 0.2 s a row
