from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yue.codecs.melrvq import MelRvq, load
from yue.codecs.melrvq_mel import mel_distance
from yue.demo.codec import fit_codec
from yue.demo.corpus import DemoSong
from yue.demo.styles import SAMPLE_RATE


@pytest.fixture(scope="module")
def demo_codec(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MelRvq]:
    folder = tmp_path_factory.mktemp("codec") / "codec"
    return folder, fit_codec(folder, seed=0)


@pytest.mark.long
def test_it_carries_songs_that_it_was_not_fitted_to(
    demo_codec: tuple[Path, MelRvq], songs: list[DemoSong]
) -> None:
    """The songs to fine-tune on are of a style and a voice that the fit has not heard."""
    codec = load("melrvq", demo_codec[0], None, "cpu")
    distances = {1: [], 8: []}
    for song in songs[:3]:
        tracks = song.tracks.normalised()
        for sound in (tracks.vocal, tracks.instrumental):
            part = sound[: 8 * SAMPLE_RATE]
            codes = codec.encode(part[np.newaxis])[0]
            for books, found in distances.items():
                found.append(mel_distance(part, codec.decode(codes[:books]), SAMPLE_RATE))
    assert np.mean(distances[1]) < 0.30
    assert np.mean(distances[8]) < 0.20


@pytest.mark.long
def test_its_report_is_of_audio_that_was_held_out(demo_codec: tuple[Path, MelRvq]) -> None:
    report = demo_codec[1].report
    assert report is not None
    assert report.held_out_seconds > 30
    assert report.mel_distance["1"] < 0.30
    assert report.mel_distance["8"] < 0.20
