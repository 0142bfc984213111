"""What is wrong is said clearly by every codec, and nothing of it is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.codecs import tiny, tiny_semanticodec
from tests.codecs.conftest import RATE
from yue.codecs.audio_tracks import SongTracks, TrackFile
from yue.codecs.base import Codec
from yue.codecs.encode_songs import encode_songs
from yue.codecs.melrvq import MelRvq
from yue.codecs.registry import load_codec, read_card
from yue.errors import CodecError
from yue.store import Store

SAVED = ("melrvq", "xcodec", "dac16k", "dac44k")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, melrvq: MelRvq) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("codecs")
    melrvq.save(root / "melrvq")
    tiny.save_xcodec(root / "xcodec")
    for name in ("dac16k", "dac44k"):
        tiny.save_dac(root / name, name)
    tiny_semanticodec.save(root / "semanticodec", decoder=True)
    return {name: root / name for name in (*SAVED, "semanticodec")}


@pytest.fixture(scope="module", params=(*SAVED, "semanticodec"))
def codec(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Codec:
    return load_codec(request.param, folders[request.param])


def test_less_than_a_frame_is_a_frame_and_silence_is_encoded(codec: Codec) -> None:
    for audio in (np.full((1, 1), 0.5), np.zeros((1, 3 * codec.card.hop + 1))):
        codes = codec.encode(audio.astype(np.float32))
        column = codec.align * codec.card.hop
        assert codes.shape == (1, codec.codebooks, codec.align * -(-audio.shape[1] // column))
        if codec.name != "semanticodec":  # whose decoder takes its time
            assert np.isfinite(codec.decode(codes[0])).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, None])
def test_a_bad_song_is_named_and_not_kept(codec: Codec, tmp_path: Path, bad: float | None) -> None:
    songs = []
    for name, samples in (("good", RATE // 4), ("bad", 0 if bad is None else RATE // 4)):
        audio = np.zeros(samples, np.float32)
        audio[samples // 2 :] = bad if name == "bad" and bad is not None else 0.1
        np.save(tmp_path / f"{name}.npy", audio)
        songs.append(
            SongTracks(name, None, None, (TrackFile("mixture", tmp_path / f"{name}.npy"),))
        )
    store = Store(tmp_path / "store")
    for number, reused in enumerate((0, 1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = encode_songs(
            songs, codec.card, lambda: [codec], folder, prefix="codes", store=store, workers=1
        )
        assert (done.songs, done.reused) == (1, reused)
        assert [entry.song_id for entry in done.rejected] == ["bad"]
        assert ("not finite" if bad else "nothing to encode") in done.rejected[0].reason
        assert not list(folder.glob("bad*"))


@pytest.mark.parametrize("name", [*SAVED, "semanticodec"])
def test_every_other_codecs_checkpoint_is_refused(folders: dict[str, Path], name: str) -> None:
    for other in set(folders) - {name}:
        with pytest.raises(
            CodecError,
            match=r"not (a usable|the model)|a model of type|no melrvq codec|no weights of",
        ):
            load_codec(name, folders[other])


@pytest.mark.parametrize("name", SAVED)
def test_a_cut_weight_file_is_named(folders: dict[str, Path], name: str, tmp_path: Path) -> None:
    for file in folders[name].iterdir():
        content = file.read_bytes()
        cut = len(content) - (1000 if file.suffix == ".safetensors" else 0)
        (tmp_path / file.name).write_bytes(content[:cut])
    with pytest.raises(CodecError, match=r"cannot be loaded|not a usable melrvq codec"):
        load_codec(name, tmp_path)


@pytest.mark.parametrize(
    ("typo", "hint"),
    [("xcodek", "xcodec"), ("dac-44k", "dac44k"), ("semanticodecs", "semanticodec")],
)
def test_a_typo_gets_the_nearest_name(tmp_path: Path, typo: str, hint: str) -> None:
    with pytest.raises(CodecError, match=f"did you mean '{hint}'"):
        read_card(typo, tmp_path)
