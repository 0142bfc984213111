from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codecs import tiny
from yue.codec_facts import BUILT_IN
from yue.codecs.card import Window
from yue.codecs.registry import load_codec, read_card
from yue.codecs.torch_codec import TorchCodec
from yue.errors import CodecError


@pytest.fixture(scope="module", params=["dac16k", "dac44k"])
def codec(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TorchCodec:
    name = request.param
    return load_codec(name, tiny.save_dac(tmp_path_factory.mktemp(name), name))


def noise(samples: int, tracks: int = 1) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.2, (tracks, samples)).astype(np.float32)


@settings(max_examples=10)
@given(samples=st.integers(1, 50_000))
def test_any_length_gives_one_code_in_range_a_frame_and_codebook(
    codec: TorchCodec, samples: int
) -> None:
    hop = BUILT_IN[codec.name].hop
    codes = codec.encode(noise(samples))
    assert codes.shape == (1, BUILT_IN[codec.name].codebooks, -(-samples // hop))
    assert 0 <= codes.min() <= codes.max() < 1024
    assert codec.decode(codes[0]).shape == (codes.shape[2] * hop,)


def test_the_frame_rate_is_exact(codec: TorchCodec) -> None:
    assert codec.frame_rate * BUILT_IN[codec.name].hop == codec.sample_rate


def test_windows_give_the_codes_and_the_audio_of_the_whole(
    codec: TorchCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = noise(BUILT_IN[codec.name].hop * 130, 2)
    with torch.inference_mode():
        whole = codec._model.encode(
            torch.from_numpy(audio)[:, None], n_quantizers=codec.codebooks
        ).audio_codes.numpy()
        sound = codec._model.decode(audio_codes=torch.from_numpy(whole[:1])).audio_values[0]
    short = Window(40, codec.card.window.context)
    monkeypatch.setattr(codec, "card", replace(codec.card, window=short))
    monkeypatch.setattr(codec, "decode_window", short)
    codes = codec.encode(audio)
    np.testing.assert_array_equal(codes, whole)
    decoded = codec.decode(codes[0])
    np.testing.assert_allclose(decoded[: len(sound)], sound, atol=1e-5)
    assert len(np.unique(codes)) > 50


def test_a_track_has_the_same_codes_in_any_batch(codec: TorchCodec) -> None:
    batch = noise(20_000, 3)
    alone = [codec.encode(track[np.newaxis])[0] for track in batch]
    np.testing.assert_array_equal(codec.encode(batch), alone)


def test_a_config_with_a_wrong_hop_length_is_no_trap(tmp_path: Path) -> None:
    folder = tiny.save_dac(tmp_path, "dac16k")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hop_length": 512}))
    codec = load_codec("dac16k", folder, codebooks=2)
    assert codec.encode(noise(3200)).shape == (1, 2, 10)


@pytest.mark.parametrize(
    ("name", "saved", "changes"),
    [
        ("dac44k", "dac16k", {}),
        ("dac16k", "dac44k", {}),
        ("dac16k", "dac16k", {"n_codebooks": 9}),
        ("dac16k", "dac16k", {"codebook_size": 512}),
    ],
)
def test_another_dac_is_refused(
    tmp_path: Path, name: str, saved: str, changes: dict[str, int]
) -> None:
    folder = tiny.save_dac(tmp_path, saved, **changes)
    with pytest.raises(CodecError, match=f"not the model of {name}"):
        load_codec(name, folder)


@pytest.mark.parametrize("ratios", [None, "2458", [2, None], {"a": 1}])
def test_a_config_whose_ratios_are_none_is_refused(tmp_path: Path, ratios: object) -> None:
    config = {"model_type": "dac", "downsampling_ratios": ratios, "n_codebooks": 12}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(CodecError, match="not the model of dac16k"):
        read_card("dac16k", tmp_path)


def test_more_codebooks_than_the_vocabulary_has_are_refused(tmp_path: Path) -> None:
    folder = tiny.save_dac(tmp_path, "dac16k")
    with pytest.raises(CodecError, match="5 codebooks of dac16k, which has 4"):
        read_card("dac16k", folder, codebooks=5)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny.save_dac(tmp_path, "dac16k")
    weights = load_file(folder / "model.safetensors")
    weights["other"] = weights.pop("encoder.conv1.bias")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CodecError, match="not the weights of DacModel"):
        load_codec("dac16k", folder)


def test_descripts_own_checkpoint_gives_the_same_codes_and_audio(
    codec: TorchCodec, tmp_path: Path
) -> None:
    folder = tiny.save_descript(tmp_path / "own", codec.name)
    for path in (folder, folder / "weights.pth"):
        converted = load_codec(codec.name, path)
        assert converted.digest != codec.digest
        assert read_card(codec.name, path) == converted.card
        codes = codec.encode(noise(9000))
        np.testing.assert_array_equal(converted.encode(noise(9000)), codes)
        np.testing.assert_allclose(converted.decode(codes[0]), codec.decode(codes[0]), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("decoder.model.5.alpha"), "decoder.snake1.alpha"),
        (lambda state: state.update(extra=torch.zeros(1)), "1 unknown weights: extra"),
        (lambda state: state.pop("encoder.block.0.weight_v"), "no direction"),
    ],
)
def test_a_descript_checkpoint_that_does_not_match_key_by_key_is_refused(
    tmp_path: Path, change, message: str
) -> None:
    with pytest.raises(CodecError, match=message):
        load_codec("dac16k", tiny.save_descript(tmp_path, "dac16k", change))


def test_a_descript_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = tiny.save_descript(tmp_path, "dac44k")
    with pytest.raises(CodecError, match="not the model of dac16k"):
        load_codec("dac16k", folder)
    torch.save({"state_dict": {}, "metadata": {}}, folder / "weights.pth")
    with pytest.raises(CodecError, match="no shape of a model"):
        load_codec("dac16k", folder)
    torch.save([1], folder / "other.pth")
    with pytest.raises(CodecError, match="2 checkpoints"):
        read_card("dac16k", folder)
    with pytest.raises(CodecError, match="holds a list"):
        load_codec("dac16k", folder / "other.pth")
