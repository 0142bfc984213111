"""A few songs, and a tokenizer and a codec made from such songs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from yue.codecs.melrvq import MelRvq
from yue.codecs.melrvq_fit import fit
from yue.demo.corpus import FINE_TUNING, PRETRAINING, DemoSong, make_songs
from yue.demo.tokenizer import train_tokenizer


@pytest.fixture(scope="session")
def songs() -> list[DemoSong]:
    """The first songs to fine-tune on, and the first of the other set."""
    sets = (replace(FINE_TUNING, count=3), replace(PRETRAINING, count=3))
    return [song for which in sets for song in make_songs(which, seed=0)]


@pytest.fixture(scope="session")
def tokenizer_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    train_tokenizer(path, seed=0)
    return path


@pytest.fixture(scope="session")
def codec(songs: list[DemoSong]) -> MelRvq:
    tracks = [
        track for song in songs[:2] for track in (song.tracks.vocal, song.tracks.instrumental)
    ]
    return fit(tracks, codebooks=1, codebook_size=1024)


@pytest.fixture(scope="session")
def codec_folder(codec: MelRvq, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("codec") / "codec"
    codec.save(folder)
    return folder
