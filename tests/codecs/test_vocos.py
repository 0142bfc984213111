from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.codecs import tiny
from yue.codecs.registry import load_codec
from yue.codecs.vocos import INSTRUMENTAL, VOCAL, Upsampler, exchange_low_band, load_upsampler
from yue.codecs.xcodec_model import Xcodec
from yue.errors import CodecError

WIDTH, INNER = 16, 24


def vocos_state(channels: int, seed: int) -> dict[str, torch.Tensor]:
    """A vocoder of YuE under the names of its checkpoint."""
    draw = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw) / shape[-1] ** 0.5

    state = {
        "backbone.embed.weight": random(WIDTH, channels, 7),
        "backbone.embed.bias": random(WIDTH),
        "head.out.weight": random(3530, WIDTH),
        "head.out.bias": random(3530) - 3,
        "head.istft.window": torch.hann_window(3528),
    }
    for norm in ("norm", "final_layer_norm"):
        state |= {f"backbone.{norm}.weight": random(WIDTH), f"backbone.{norm}.bias": random(WIDTH)}
    for number in range(2):
        block = f"backbone.convnext.{number}."
        state |= {
            f"{block}dwconv.weight": random(WIDTH, 1, 7),
            f"{block}dwconv.bias": random(WIDTH),
            f"{block}norm.weight": random(WIDTH),
            f"{block}norm.bias": random(WIDTH),
            f"{block}pwconv1.weight": random(INNER, WIDTH),
            f"{block}pwconv1.bias": random(INNER),
            f"{block}pwconv2.weight": random(WIDTH, INNER),
            f"{block}pwconv2.bias": random(WIDTH),
            f"{block}gamma": random(WIDTH),
        }
    return state


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_xcodec(tmp_path_factory.mktemp("xcodec"))


@pytest.fixture(scope="module")
def codec(folder: Path) -> Xcodec:
    return load_codec("xcodec", folder, codebooks=8)


@pytest.fixture
def decoders(codec: Xcodec, tmp_path: Path) -> Path:
    (tmp_path / VOCAL).parent.mkdir()
    channels = len(codec.embed(np.zeros((1, 1), np.int64)))
    for seed, file in enumerate((VOCAL, INSTRUMENTAL)):
        torch.save(vocos_state(channels, seed), tmp_path / file)
    return tmp_path


@pytest.fixture
def upsampler(codec: Xcodec, decoders: Path) -> Upsampler:
    return load_upsampler(codec, decoders)


@pytest.mark.parametrize("frames", [1, 40])
def test_every_frame_becomes_882_samples_of_each_track(upsampler: Upsampler, frames: int) -> None:
    vocal, instrumental = np.random.default_rng(0).integers(0, 1024, (2, 8, frames))
    tracks = upsampler.decode(vocal, instrumental)
    for track in (tracks.vocal, tracks.instrumental, tracks.mix):
        assert track.shape == (frames * 882,)
        assert np.isfinite(track).all()
    assert not np.array_equal(tracks.vocal, tracks.instrumental)
    again = upsampler.decode(vocal, instrumental)
    np.testing.assert_array_equal(again.mix, tracks.mix)


def test_each_track_has_its_own_vocoder(codec: Xcodec, decoders: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 1024, (8, 10))
    before = load_upsampler(codec, decoders).decode(codes, codes)
    (decoders / VOCAL).write_bytes((decoders / INSTRUMENTAL).read_bytes())
    after = load_upsampler(codec, decoders).decode(codes, codes)
    np.testing.assert_array_equal(after.vocal, before.instrumental)
    assert not np.array_equal(before.vocal, before.instrumental)


def test_lows_come_from_the_one_and_highs_from_the_other() -> None:
    def tone(pitch: float, rate: int, level: float) -> np.ndarray:
        time = np.arange(2 * rate) / rate
        return (level * np.sin(2 * np.pi * pitch * time)).astype(np.float32)

    low = tone(400, 16_000, 0.1)
    high = tone(800, 44_100, 0.8) + tone(15_000, 44_100, 0.8)  # together louder than full scale
    made = exchange_low_band(low, 16_000, high, 44_100)
    assert made.shape == high.shape
    spectrum = np.abs(np.fft.rfft(made[44_100:])) / 22_050  # bins of 1 Hz
    assert spectrum[400] == pytest.approx(0.8, rel=0.05), "as loud as the band was there"
    assert spectrum[15_000] == pytest.approx(0.8, rel=0.05)
    assert spectrum[800] < 0.03
    assert spectrum[5000] < 0.01


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("head.out.bias"), "out.bias"),
        (lambda state: state.pop("backbone.embed.weight"), r"there is no 'embed\.weight'"),
        (lambda state: state.update(wavenet=torch.zeros(1)), "1 unknown weights: wavenet"),
        (lambda state: state.update(vocos_state(7, 0)), "reads 7 numbers a frame, the codec gives"),
    ],
)
def test_a_vocoder_that_does_not_match_key_by_key_is_refused(
    codec: Xcodec, decoders: Path, change, message: str
) -> None:
    state = torch.load(decoders / VOCAL, weights_only=True)
    change(state)
    torch.save(state, decoders / VOCAL)
    with pytest.raises(CodecError, match=message):
        load_upsampler(codec, decoders)


def test_a_cut_file_is_named(codec: Xcodec, decoders: Path) -> None:
    content = (decoders / VOCAL).read_bytes()
    (decoders / VOCAL).write_bytes(content[:-500])
    with pytest.raises(CodecError, match=r"decoder_131000\.pth: cannot be loaded"):
        load_upsampler(codec, decoders)


def test_a_missing_vocoder_says_how_to_get_it(codec: Xcodec, folder: Path) -> None:
    with pytest.raises(
        CodecError, match=r"no upsampler.*\n.*\n.*yue fetch m-a-p/xcodec_mini_infer"
    ):
        load_upsampler(codec, folder)


def test_other_codecs_have_no_upsampler(tmp_path: Path) -> None:
    dac = load_codec("dac16k", tiny.save_dac(tmp_path, "dac16k"))
    with pytest.raises(CodecError, match="no upsampler for dac16k"):
        load_upsampler(dac, tmp_path)
