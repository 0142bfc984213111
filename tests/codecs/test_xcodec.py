from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import XcodecModel

from tests.codecs import tiny
from yue.codecs import xcodec_model
from yue.codecs.card import Window
from yue.codecs.registry import load_codec, read_card
from yue.codecs.torch_codec import TorchCodec
from yue.codecs.xcodec import YUE_WEIGHTS
from yue.codecs.xcodec_model import encode_in_pieces, new_name
from yue.errors import CodecError

RATE, HOP = 16_000, 320


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_xcodec(tmp_path_factory.mktemp("xcodec"))


@pytest.fixture(scope="module")
def codec(folder: Path) -> TorchCodec:
    return load_codec("xcodec", folder)


@pytest.fixture
def tiny_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    """YuE's checkpoint has fixed widths; these tests have no 160 million weights."""

    def config(ratios: Sequence[int], bandwidths: Sequence[float]):
        return tiny.xcodec_config(bandwidths)

    monkeypatch.setattr(xcodec_model, "model_config", config)


def noise(samples: int, tracks: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.2, (tracks, samples)).astype(np.float32)


@settings(max_examples=6)
@given(samples=st.integers(1, 4 * RATE))
def test_any_length_gives_one_code_in_range_a_frame_and_codebook(
    codec: TorchCodec, samples: int
) -> None:
    codes = codec.encode(noise(samples))
    assert codes.shape == (1, 12, -(-samples // HOP))
    assert 0 <= codes.min() <= codes.max() < 1024
    assert codec.decode(codes[0]).shape == (codes.shape[2] * HOP,)


def test_codes_are_those_of_the_model_and_not_all_alike(codec: TorchCodec) -> None:
    audio = noise(HOP * 40)
    with torch.inference_mode():
        model = codec._model(torch.from_numpy(audio)[:, None])
    codes = codec.encode(audio)
    np.testing.assert_array_equal(codes, model.audio_codes)
    np.testing.assert_array_equal(codec.decode(codes[0]), model.audio_values[0, 0])
    assert len(np.unique(codes[0, 0])) > 5


@settings(max_examples=4)
@given(order=st.permutations(range(3)), size=st.integers(1, 3), samples=st.integers(1, RATE))
def test_a_track_has_the_same_codes_in_any_batch(
    codec: TorchCodec, order: list[int], size: int, samples: int
) -> None:
    batch = noise(samples, 3)[order[:size]]
    alone = [codec.encode(track[np.newaxis])[0] for track in batch]
    np.testing.assert_array_equal(codec.encode(batch), alone)


@pytest.mark.parametrize("kept", [1, 5, 8])
def test_fewer_codebooks_are_the_first_ones(folder: Path, codec: TorchCodec, kept: int) -> None:
    fewer = load_codec("xcodec", folder, codebooks=kept)
    np.testing.assert_array_equal(fewer.encode(noise(5000)), codec.encode(noise(5000))[:, :kept])
    assert fewer.digest == codec.digest


def test_the_card_is_the_same_without_loading(folder: Path, codec: TorchCodec) -> None:
    assert read_card("xcodec", folder) == codec.card


@pytest.mark.usefixtures("tiny_widths")
def test_yues_own_checkpoint_gives_the_same_codes_and_audio(
    codec: TorchCodec, tmp_path: Path
) -> None:
    state = tiny.original_state(tiny.xcodec_model())
    converted = load_codec("xcodec", tiny.save_yue_checkpoint(tmp_path / "yue", state))
    assert converted.digest != codec.digest
    codes = codec.encode(noise(RATE))
    np.testing.assert_array_equal(converted.encode(noise(RATE)), codes)
    np.testing.assert_allclose(converted.decode(codes[0]), codec.decode(codes[0]), atol=1e-6)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("encoder.block.0.weight_g", "acoustic_encoder.conv1.weight_g"),
        ("encoder.block.2.block.1.block.3.bias", "acoustic_encoder.block.1.res_unit2.conv2.bias"),
        ("encoder.block.4.block.3.alpha", "acoustic_encoder.block.3.snake1.alpha"),
        ("encoder.block.6.weight_v", "acoustic_encoder.conv2.weight_v"),
        ("decoder_2.model.1.block.1.weight_v", "acoustic_decoder.block.0.conv_t1.weight_v"),
        (
            "decoder_2.model.4.block.2.block.0.alpha",
            "acoustic_decoder.block.3.res_unit1.snake1.alpha",
        ),
        ("decoder_2.model.5.alpha", "acoustic_decoder.snake1.alpha"),
        ("encoder_semantic.conv.conv.weight", "encoder_semantic.conv.weight"),
        (
            "encoder_semantic.conv_blocks.1.res_units.0.conv2.weight",
            "encoder_semantic.conv_blocks.1.res_units.0.conv2.weight",
        ),
        (
            "decoder_semantic.conv_blocks.0.conv.conv.bias",
            "decoder_semantic.conv_blocks.0.conv.bias",
        ),
        (
            "semantic_model.encoder.pos_conv_embed.conv.weight_g",
            "semantic_model.encoder.pos_conv_embed.conv.parametrizations.weight.original0",
        ),
        ("fc_post2.bias", "fc2.bias"),
        ("quantizer.vq.layers.7._codebook.embed", "quantizer.quantizers.7.codebook.embed"),
        ("discriminator.conv.weight", None),
        ("encoder.block.7.weight", None),
        ("decoder_2.model.1.block.7.weight", None),
    ],
)
def test_a_weight_keeps_its_place(old: str, new: str | None) -> None:
    assert new_name(old) == new


@pytest.mark.usefixtures("tiny_widths")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("fc_prior.bias"), "fc.bias"),
        (lambda state: state.update(extra=torch.zeros(1)), "1 unknown weights: extra"),
        (lambda state: state.pop("encoder.block.0.weight_v"), "no direction"),
        (lambda state: state.update({"fc_prior.bias": torch.zeros(3)}), "size mismatch"),
    ],
)
def test_a_checkpoint_that_does_not_match_key_by_key_is_refused(
    tmp_path: Path, change, message: str
) -> None:
    state = tiny.original_state(tiny.xcodec_model())
    change(state)
    folder = tiny.save_yue_checkpoint(tmp_path / "yue", state)
    with pytest.raises(CodecError, match=message):
        load_codec("xcodec", folder)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):
            return (Path(tmp_path / "ran").touch, ())

    folder = tiny.save_yue_checkpoint(tmp_path / "yue", {})
    torch.save({"codec_model": Bomb()}, folder / YUE_WEIGHTS)
    with pytest.raises(CodecError, match="cannot be loaded"):
        load_codec("xcodec", folder)
    assert not (tmp_path / "ran").exists()


def test_the_look_alike_with_8_codebooks_is_refused(tmp_path: Path) -> None:
    hub = tiny.save_xcodec(tmp_path / "hub", (0.5, 1, 1.5, 2, 4))
    yue = tiny.save_yue_checkpoint(tmp_path / "yue", {}, (0.5, 1, 1.5, 2, 4))
    for folder in (hub, yue):
        with pytest.raises(CodecError, match=r"8 codebooks.*\n.*mean nothing to YuE"):
            read_card("xcodec", folder)


@pytest.mark.parametrize(
    "lie",
    [
        {"acoustic_model_config": 5},
        {"acoustic_model_config": {"downsampling_ratios": [0]}},
        {"codebook_size": 0},
        {"codebook_size": 1},
        {"sample_rate": 1e999},
        {"target_bandwidths": []},
    ],
)
def test_a_config_of_no_codec_is_named(tmp_path: Path, lie: dict[str, object]) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "xcodec", **lie}))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(CodecError, match="its config is not one of xcodec"):
        read_card("xcodec", tmp_path)


def test_a_cut_weight_file_is_named(folder: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.mkdir()
    for file in folder.iterdir():
        (cut / file.name).write_bytes(file.read_bytes())
    weights = cut / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(CodecError, match=r"model\.safetensors: cannot be loaded"):
        load_codec("xcodec", cut)


def test_a_missing_checkpoint_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CodecError, match="yue fetch m-a-p/xcodec_mini_infer"):
        read_card("xcodec", tmp_path)


def test_a_checkpoint_of_full_size_loads_and_encodes(tmp_path: Path) -> None:
    with torch.device("meta"):
        model = XcodecModel(xcodec_model.model_config((8, 5, 4, 2), tiny.BANDWIDTHS))
    assert sum(p.numel() for p in model.parameters()) > 150e6
    state = tiny.original_state(model)
    value = torch.tensor(0.01)  # one number on the disk, however large the weight
    constant = {name: value.expand(weight.shape) for name, weight in state.items()}
    folder = tiny.save_yue_checkpoint(tmp_path / "yue", constant)
    codec = load_codec("xcodec", folder, codebooks=1)
    assert codec.encode(noise(HOP * 10 + 1)).shape == (1, 1, 11)


def test_a_long_track_in_pieces_has_the_codes_of_the_whole(folder: Path) -> None:
    model = XcodecModel.from_pretrained(folder).eval()
    audio = torch.from_numpy(noise(HOP * 200, 2)) * torch.linspace(0.1, 2, HOP * 200)
    with torch.inference_mode():
        features = model.semantic_model.feature_extractor(audio)
        whole = model.encode(audio[:, None]).audio_codes
        encode_in_pieces(model, Window(60, 32))
        pieces = model.semantic_model.feature_extractor(audio)
        codes = model.encode(audio[:, None]).audio_codes
    torch.testing.assert_close(pieces, features, atol=1e-5, rtol=1e-4)
    assert (codes == whole).float().mean() > 0.995
