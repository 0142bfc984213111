"""The real song beside the checkout, through tiny models of the real classes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.codecs import tiny
from tests.codecs.test_xcodec import tiny_widths  # noqa: F401
from yue.cli import main
from yue.codecs.card import CodecCard
from yue.codecs.melrvq import MelRvq
from yue.codecs.registry import load_codec
from yue.files import read_jsonl, write_jsonl


@pytest.fixture(scope="module")
def converted(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """The song at a sample rate in pieces of 3 s, as `yue convert` makes it; the third is kept."""
    root = tmp_path_factory.mktemp("converted")

    def convert(rate: int) -> Path:
        folder = root / str(rate)
        if not folder.is_dir():
            words = ["convert", "--input-dir", golden / "audio", "--output-dir", folder]
            assert main([*map(str, words), "--sr", str(rate), "--segment-length", "3"]) == 0
            rows = read_jsonl(folder / "audio.jsonl")
            write_jsonl(
                folder / "audio.jsonl", [row for row in rows if row["song_id"].endswith("#002")]
            )
        return folder

    return convert


# One of each family, at both sample rates; test_xcodec.py and test_dac.py have their other files.
SAVE = {
    "melrvq": lambda folder, melrvq: melrvq.save(folder),
    "xcodec": lambda folder, _: tiny.save_yue_checkpoint(
        folder, tiny.original_state(tiny.xcodec_model())
    ),
    "dac44k": lambda folder, _: tiny.save_descript(folder, "dac44k"),
}


@pytest.mark.usefixtures("tiny_widths")
@pytest.mark.parametrize("name", SAVE)
def test_the_real_song_is_tokenized_and_verified(
    converted: Callable[[int], Path],
    melrvq: MelRvq,
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights, codes = tmp_path / "weights", tmp_path / "codes"
    SAVE[name](weights, melrvq)
    audio = converted(44_100 if name == "dac44k" else 16_000)
    words = ["tokenize", "--input-dir", audio, "--output-dir", codes, "--codec-type", name]
    command = [*map(str, words), "--codec-path", str(weights), "--device", "cpu"]
    assert main(command) == 0
    card = CodecCard.read(codes / "codec.json")
    tracks = {row["role"]: row for row in read_jsonl(audio / "audio.jsonl")}
    rows = read_jsonl(codes / "codes.jsonl")
    assert {row["role"] for row in rows} == {"vocal", "instrumental", "mixture"}
    for row in rows:
        found = np.load(tmp_path / row["path"])
        longest = max(track["samples"] for track in tracks.values())
        assert found.shape == (card.codebooks, -(-longest // card.hop))
        assert found.dtype == np.int16
        assert found.min() >= 0
        assert all(found[k].max() < size for k, size in enumerate(card.codebook_sizes))
    assert main([*command, "--verify", "0"]) == 0
    assert "1 song encoded again, 100.00% of" in capsys.readouterr().out
    decoded = load_codec(name, weights, codebooks=card.codebooks).decode(found[:, :50])
    assert decoded.shape == (50 * card.hop,)
    found[0, :3] ^= 1
    np.save(tmp_path / rows[-1]["path"], found)
    assert main([*command, "--verify"]) == 1
    assert "3 of its" in capsys.readouterr().err


def test_codecs_lists_state_licence_and_the_way_to_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny.save_dac(tmp_path / "models" / "dac16k", "dac16k")
    unreadable = tmp_path / "models" / "dac44k"
    unreadable.mkdir()
    (unreadable / "model.safetensors").touch()
    (unreadable / "config.json").symlink_to("/proc/self/mem")  # a file that gives an error
    capsys.readouterr()  # saving weights may print a line of DeepSpeed
    assert main(["codecs", "--json"]) == 0
    listed = {codec["name"]: codec for codec in json.loads(capsys.readouterr().out)}
    assert set(listed) >= {"melrvq", "xcodec", "semanticodec", "dac16k", "dac44k"}
    assert all(codec["licence"] and codec["get"] for codec in listed.values())
    assert listed["dac16k"]["ready"]
    assert listed["dac44k"]["digest"] is None
    assert listed["dac44k"]["problem"] == "models/dac44k: Input/output error"
    assert "yue fetch haoheliu/SemantiCodec" in listed["semanticodec"]["fix"]
    assert main(["codecs"]) == 0
    said = capsys.readouterr().out
    assert f"ready    models/dac16k ({listed['dac16k']['digest'][:12]})" in said
