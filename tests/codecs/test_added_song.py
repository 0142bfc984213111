"""A song that is added to many is the work of one, whatever codec ran between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.codecs.conftest import RATE
from yue.codecs.audio_tracks import SongTracks, TrackFile
from yue.codecs.encode_songs import Encoded, encode_songs
from yue.codecs.melrvq import MelRvq
from yue.codecs.registry import load_codec
from yue.store import Store


def never() -> list[MelRvq]:
    raise AssertionError("the codec was loaded")


def test_one_song_more_is_one_songs_work_and_a_codec_comes_back_for_nothing(
    tmp_path: Path, melrvq: MelRvq
) -> None:
    rng = np.random.default_rng(0)
    songs = []
    for number in range(101):
        path = tmp_path / f"{number}.npy"
        np.save(path, rng.normal(0, 0.1, 640).astype(np.float32))
        track = TrackFile("vocal", path, f"digest {number}")
        songs.append(SongTracks(str(number), RATE, 640, (track,)))
    melrvq.save(tmp_path / "codec")
    two = load_codec("melrvq", tmp_path / "codec", codebooks=2)
    store = Store(tmp_path / "store")

    def encode(
        name: str, count: int, codec: MelRvq = melrvq, load: Callable[[], list[MelRvq]] = never
    ) -> Encoded:
        (tmp_path / name).mkdir()
        return encode_songs(
            songs[:count], codec.card, load, tmp_path / name, prefix="codes", store=store, workers=2
        )

    assert encode("first", 100, load=lambda: [melrvq]).reused == 0
    added = encode("added", 101, load=lambda: [melrvq])
    assert (added.songs, added.reused) == (101, 100)
    assert encode("other", 5, two, load=lambda: [two]).reused == 0
    assert encode("back", 101).reused == 101
    names = [path.name for path in (tmp_path / "back").iterdir()]
    assert len(names) == 101 + 2  # codes.jsonl and codec.json
    for name in names:
        one, other = (tmp_path / folder / name for folder in ("added", "back"))
        assert one.read_bytes() == other.read_bytes()
