"""``yue generate --upsample``: from weights on the disk to files at 44.1 kHz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch

from tests.codecs import tiny
from tests.codecs.test_vocos import vocos_state
from tests.generation.conftest import save_base, save_tokenizer
from yue.cli import main
from yue.codec_facts import YUE_ROWS
from yue.codecs.registry import load_codec
from yue.codecs.vocos import INSTRUMENTAL, VOCAL, load_upsampler
from yue.generation.sample_records import read_samples
from yue.generation.sample_writer import mix_tracks


def test_a_song_is_written_at_44_kilohertz_as_the_vocoders_say_it(tmp_path: Path) -> None:
    weights = tiny.save_xcodec(tmp_path / "xcodec")
    codec = load_codec("xcodec", weights)
    (weights / VOCAL).parent.mkdir()
    channels = len(codec.embed(np.zeros((1, 1), np.int64)))
    for seed, file in enumerate((VOCAL, INSTRUMENTAL)):
        state = vocos_state(channels, seed)
        state["head.out.bias"] += 5  # loud enough for 16 bits
        torch.save(state, weights / file)
    base = save_base(tmp_path / "base", layers=1, hidden=16, rows=YUE_ROWS)
    (tmp_path / "lyrics.txt").write_text("[verse]\nla di da\n")
    flags = [
        "generate", "--model", str(base), "--tokenizer", str(save_tokenizer(tmp_path)),
        "--codec-type", "xcodec", "--codec-path", str(weights), "--upsample", "--genres", "folk",
        "--lyrics", str(tmp_path / "lyrics.txt"), "--output-dir", str(tmp_path / "out"),
        "--seconds", "0.3", "--guidance-scale", "1", "--device", "cpu",
    ]  # fmt: skip
    assert main(flags) == 0

    [sample] = read_samples(tmp_path / "out")
    codes = np.load(tmp_path / "out" / sample.codes)
    assert codes["vocal"].shape == codes["instrumental"].shape == (1, 15)
    said = load_upsampler(codec, weights).decode(codes["vocal"], codes["instrumental"])
    tracks = mix_tracks(said.vocal, said.instrumental, said.mix)
    for name, file in sample.files.items():
        audio, rate = soundfile.read(tmp_path / "out" / file)
        assert (rate, len(audio)) == (44_100, 15 * 882)
        np.testing.assert_allclose(audio, tracks[name], atol=5e-5)
        assert audio.std() > 0.01
