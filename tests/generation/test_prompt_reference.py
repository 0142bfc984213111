"""Reference audio from files: the codes of the stretch that was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from yue.codecs.base import Codec
from yue.codecs.registry import load_codec
from yue.errors import AudioError, GenerationError
from yue.generation.prompt_reference import AudioPrompt, encode_prompt
from yue.tokens.layouts.blocks import interleaved_ids, lane_ids
from yue.tokens.vocabulary import CodecRange, codec_range

RATE = 16_000
IDS = codec_range("melrvq").first(2)


@pytest.fixture(scope="module")
def melrvq(codec_path: Path) -> Codec:
    return load_codec("melrvq", codec_path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two tracks of three seconds, one of one, and one in stereo at another rate."""
    folder, rng = tmp_path_factory.mktemp("audio"), np.random.default_rng(0)
    found = {}
    for name, shape, rate in (
        ("vocal", (3 * RATE,), RATE),
        ("instrumental", (3 * RATE - 100,), RATE),
        ("short", (RATE,), RATE),
        ("stereo", (3 * 44_100, 2), 44_100),
    ):
        found[name] = folder / f"{name}.wav"
        soundfile.write(found[name], rng.normal(0, 0.1, shape).clip(-1, 1), rate, subtype="FLOAT")
    return found


def codes_of(codec: Codec, path: Path) -> np.ndarray:
    audio, _ = soundfile.read(path, dtype="float32")
    return codec.encode(audio[np.newaxis])[0]


@pytest.mark.parametrize("ids", [IDS, IDS.first(1)])
def test_one_track_is_the_slice_of_the_file_s_codes(
    melrvq: Codec, files: dict[str, Path], ids: CodecRange
) -> None:
    found = encode_prompt(AudioPrompt((files["vocal"],), 0.5, 2.0), melrvq, ids)
    codes = codes_of(melrvq, files["vocal"])[: ids.codebooks, 25:100]
    assert np.array_equal(found, lane_ids(codes, ids))


def test_two_tracks_take_turns_and_the_shorter_file_ends_them(
    melrvq: Codec, files: dict[str, Path]
) -> None:
    pair = files["vocal"], files["instrumental"]
    found = encode_prompt(AudioPrompt(pair, 1.0, 30.0), melrvq, IDS)
    vocal, instrumental = (codes_of(melrvq, path)[:, 50:150] for path in pair)
    assert np.array_equal(found, interleaved_ids(vocal, instrumental, IDS))


def test_any_file_will_do(melrvq: Codec, files: dict[str, Path]) -> None:
    assert len(encode_prompt(AudioPrompt((files["stereo"],), 0.0, 3.0), melrvq, IDS)) == 300


def test_tracks_of_two_songs_are_refused(melrvq: Codec, files: dict[str, Path]) -> None:
    with pytest.raises(GenerationError, match=r"differ in length: 3\.00 and 1\.00 seconds"):
        encode_prompt(AudioPrompt((files["vocal"], files["short"]), 0.0, 1.0), melrvq, IDS)


def test_a_stretch_without_audio_is_refused(melrvq: Codec, files: dict[str, Path]) -> None:
    with pytest.raises(GenerationError, match=r"nothing between 5 and 9 seconds\n.*3\.00 seconds"):
        encode_prompt(AudioPrompt((files["vocal"],), 5.0, 9.0), melrvq, IDS)


def test_a_file_that_is_no_audio_is_named(melrvq: Codec, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with pytest.raises(AudioError, match=r"x\.wav"):
        encode_prompt(AudioPrompt((path,), 0.0, 1.0), melrvq, IDS)
