from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.codecs import tiny_semanticodec as tiny
from yue.audio.decode import open_audio
from yue.codecs.base import Codec
from yue.codecs.registry import load_codec, read_card
from yue.codecs.semanticodec import CENTROIDS, DECODER, ENCODER
from yue.codecs.semanticodec_decoder import is_unused, new_name
from yue.codecs.semanticodec_model import mel_windows, sounding_positions
from yue.errors import CodecError
from yue.tokens.vocabulary import codec_range

COLUMN = 2560  # samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("semanticodec"), decoder=True)


@pytest.fixture(scope="module")
def codec(folder: Path) -> Codec:
    return load_codec("semanticodec", folder)


@pytest.fixture
def changed(folder: Path, tmp_path: Path) -> Path:
    """A folder of which files can be replaced."""
    for file in (ENCODER, DECODER, CENTROIDS):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).symlink_to(folder / file)
    return tmp_path


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.2, samples).astype(np.float32)


def replace(file: Path, change) -> None:
    """Change a checkpoint of which the others are links."""
    state = torch.load(file, weights_only=True)
    change(state)
    file.unlink()
    torch.save(state, file)


def test_any_length_gives_whole_columns_of_codes_and_the_same_in_any_company(codec: Codec) -> None:
    lengths = [COLUMN + 1, 65 * COLUMN, 1, 64 * COLUMN]  # five windows: more than go at once
    tracks = [noise(samples, seed) for seed, samples in enumerate(lengths)]
    for track, codes in zip(tracks, codec.encode_tracks(tracks), strict=True):
        assert codes.shape == (2, -(-len(track) // COLUMN) * 8)
        assert codes.min() >= 0
        assert (codes.max(axis=1) < codec.codebook_sizes).all()
        np.testing.assert_array_equal(codes, codec.encode(track[np.newaxis])[0])


def test_the_codes_are_varied_and_those_of_either_codebook_alone(
    folder: Path, codec: Codec
) -> None:
    audio = noise(20 * COLUMN)[np.newaxis]
    codes = codec.encode(audio)
    assert all(len(np.unique(book)) > 20 for book in codes[0])
    first = load_codec("semanticodec", folder, codebooks=1)
    np.testing.assert_array_equal(first.encode(audio), codes[:, :1])
    assert first.digest == codec.digest == read_card("semanticodec", folder).digest


def test_a_real_song_is_tokenized(golden: Path, codec: Codec) -> None:
    with open_audio(golden / "audio" / "pop.00001.mp3") as audio:
        block = next(iter(audio.blocks()))
    samples = block.mean(axis=1)[: 4 * COLUMN]
    codes = codec.encode(samples[np.newaxis].astype(np.float32))
    assert codes.shape == (1, 2, -(-samples.size // COLUMN) * 8)
    assert len(np.unique(codes[0, 0])) > 4


def test_a_column_is_as_long_in_documents_as_in_the_codec(codec: Codec) -> None:
    assert codec.align == codec_range("semanticodec").align


def test_a_window_is_heard_up_to_the_silence_at_its_end() -> None:
    tracks = [noise(163_840), noise(80_000), noise(80), np.zeros(5000, np.float32)]
    windows = np.concatenate([mel_windows(track) for track in tracks])
    # 10.24 s reach to the end; 5 s end in frame 500; a single frame counts as none.
    assert sounding_positions(torch.from_numpy(windows)).tolist() == [512, 250, 0, 0]


def test_what_decodes_is_as_long_as_the_codes_and_the_same_each_time(codec: Codec) -> None:
    pytest.importorskip("diffusers")
    codec.ready_to_decode(2)
    codec.decoder.steps = 1
    rng = np.random.default_rng(0)
    codes = rng.integers(0, [[16_384], [8192]], (2, 520))
    audio = codec.decode(codes)
    assert audio.shape == (520 * 320,)
    assert audio.std() > 0
    window = codec.decode(codes[:, :512])
    alone = 480 * 320  # samples before the second window fades in
    np.testing.assert_array_equal(window[:alone], audio[:alone])
    codes[1, 100] = (codes[1, 100] + 1) % 8192
    assert not np.array_equal(codec.decode(codes[:, :512]), window)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("model.diffusion_model.out.2.bias"), "unet.conv_out.bias"),
        (lambda state: state.update({"extra.weight": torch.zeros(1)}), "unknown weights: extra"),
        (lambda state: state.pop("scale_factor"), "there is no 'scale_factor'"),
    ],
)
def test_a_decoder_that_does_not_match_key_by_key_is_refused(
    changed: Path, change, message: str
) -> None:
    pytest.importorskip("diffusers")
    replace(changed / DECODER, change)
    with pytest.raises(CodecError, match=message):
        load_codec("semanticodec", changed).ready_to_decode(2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model.diffusion_model.input_blocks.0.0.weight", "unet.conv_in.weight"),
        (
            "model.diffusion_model.input_blocks.5.2.transformer_blocks.0.attn2.to_k.weight",
            "unet.down_blocks.1.attentions.3.transformer_blocks.0.attn2.to_k.weight",
        ),
        (
            "model.diffusion_model.input_blocks.6.0.op.bias",
            "unet.down_blocks.1.downsamplers.0.conv.bias",
        ),
        (
            "model.diffusion_model.output_blocks.2.3.conv.weight",
            "unet.up_blocks.0.upsamplers.0.conv.weight",
        ),
        (
            "model.diffusion_model.output_blocks.9.0.skip_connection.weight",
            "unet.up_blocks.3.resnets.0.conv_shortcut.weight",
        ),
        (
            "model.diffusion_model.middle_block.3.emb_layers.1.bias",
            "unet.mid_block.resnets.1.time_emb_proj.bias",
        ),
        (
            "first_stage_model.decoder.up.2.upsample.conv.weight",
            "vae.up_blocks.0.upsamplers.0.conv.weight",
        ),
        (
            "first_stage_model.decoder.mid.attn_1.proj_out.weight",
            "vae.mid_block.attentions.0.to_out.0.weight",
        ),
        ("first_stage_model.vocoder.ups.4.bias", "vocoder.upsampler.4.bias"),
        ("first_stage_model.loss.logvar", None),
        ("model.diffusion_model.input_blocks.1.0.in_layers.7.bias", None),
    ],
)
def test_a_weight_of_the_decoder_keeps_its_place(old: str, new: str | None) -> None:
    assert new_name(old) == new
    assert not is_unused(old)


def test_encoding_needs_no_decoder_and_decoding_says_what_it_lacks(
    changed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = load_codec("semanticodec", changed, codebooks=1)
    with pytest.raises(CodecError, match="one codebook"):
        one.decode(np.zeros((1, 8), np.int64))
    monkeypatch.setitem(sys.modules, "diffusers", None)
    monkeypatch.delitem(sys.modules, "yue.codecs.semanticodec_decoder", raising=False)
    with pytest.raises(CodecError, match=r"pip install 'yue\[semanticodec\]'"):
        load_codec("semanticodec", changed).ready_to_decode(2)
    (changed / DECODER).unlink()
    codec = load_codec("semanticodec", changed)
    assert codec.encode(noise(10)[np.newaxis]).shape == (1, 2, 8)
    with pytest.raises(CodecError, match=r"decoder\.ckpt, which makes audio"):
        codec.ready_to_decode(2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("encoder_output_linear.weight"), "project.weight"),
        (lambda state: state.pop("audiomae.model.cls_token"), "vit.cls_token"),
        (lambda state: state.update({"wavlm.bias": torch.zeros(1)}), "1 unknown weights: wavlm"),
        (lambda state: state.update(tiny.encoder_state(50)), r"not the encoder of 100 tokens"),
    ],
)
def test_an_encoder_that_does_not_match_key_by_key_is_refused(
    changed: Path, change, message: str
) -> None:
    replace(changed / ENCODER, change)
    with pytest.raises(CodecError, match=message):
        load_codec("semanticodec", changed)


@pytest.mark.parametrize("file", [ENCODER, CENTROIDS])
def test_a_cut_file_is_named(changed: Path, file: str) -> None:
    content = (changed / file).read_bytes()
    (changed / file).unlink()
    (changed / file).write_bytes(content[:-1000])
    with pytest.raises(CodecError, match=rf"{Path(file).name}: cannot be loaded"):
        load_codec("semanticodec", changed)


def test_centroids_of_another_vocabulary_are_refused(changed: Path) -> None:
    (changed / CENTROIDS).unlink()
    np.save(changed / CENTROIDS, np.zeros((8192, tiny.WIDTH), np.float32))
    with pytest.raises(CodecError, match=r"\(8192, 64\).*\n.*16384 semantic codes"):
        read_card("semanticodec", changed)


@pytest.mark.parametrize("file", [ENCODER, CENTROIDS])
def test_a_missing_file_is_named_with_the_way_to_get_it(changed: Path, file: str) -> None:
    (changed / file).unlink()
    with pytest.raises(CodecError) as found:
        read_card("semanticodec", changed)
    message = str(found.value)
    assert file in message
    assert f"yue fetch haoheliu/SemantiCodec --output-dir {changed}" in message
    assert "melrvq needs no download" in message


@pytest.mark.parametrize("audio", [np.zeros(0), np.full(100, np.nan)])
def test_audio_that_cannot_be_encoded_is_refused(codec: Codec, audio: np.ndarray) -> None:
    with pytest.raises(CodecError):
        codec.encode_tracks([audio.astype(np.float32)])
