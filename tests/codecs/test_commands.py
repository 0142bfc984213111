from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.audio.test_decoders import encode
from tests.codecs.conftest import RATE
from yue.cli import main
from yue.codecs.base import Audio
from yue.files import read_json


def test_fit_codec_and_tokenize_from_the_command_line(
    tracks: Sequence[Audio], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    np.save(audio / "one.npy", tracks[0])
    stereo = np.repeat(np.stack([tracks[1], tracks[1]], axis=1), 2, axis=0)
    soundfile.write(audio / "two.wav", stereo, 2 * RATE)
    codec, codes = tmp_path / "codec", tmp_path / "codes"
    words = ["fit-codec", "--input-dir", audio, "--output-dir", codec]
    assert main([*map(str, words), "--codebooks", "2", "--codebook-size", "128"]) == 0
    said = capsys.readouterr().out
    assert "2 codebooks from 27 s of audio" in said
    report = read_json(codec / "fit.json")
    assert f"{report['mel_distance']['1']} with 1" in said
    assert f"in a recipe, or --codec-type melrvq --codec-path {codec}\n" in said
    words = ["tokenize", "--input-dir", audio, "--output-dir", codes, "--codec-type", "melrvq"]
    assert main([*map(str, words), "--codec-path", str(codec)]) == 0
    said = capsys.readouterr().out
    assert "1 song (0 from the store, 1 encoded)" in said
    flags = f"--songs-dir SONGS --codec-type melrvq --codec-path {codec}"
    assert f"next: yue preprocess --data-dir CONVERTED {flags} makes" in said
    assert np.load(codes / "one.mixture.npy").shape == (2, 750)


def test_fit_codec_takes_the_folders_that_convert_takes(
    tracks: Sequence[Audio], tmp_path: Path
) -> None:
    """An empty one to write to; songs in a linked folder, of any format that converts."""
    (tmp_path / "album").mkdir()
    np.save(tmp_path / "album" / "one.npy", tracks[0])
    encode(tmp_path / "album" / "phone.m4a", "aac", tracks[1])
    songs, out = tmp_path / "songs", tmp_path / "codec"
    songs.mkdir()
    (songs / "linked").symlink_to(tmp_path / "album", target_is_directory=True)
    (songs / "linked again").symlink_to(tmp_path / "album", target_is_directory=True)
    out.mkdir()
    words = ["fit-codec", "--input-dir", str(songs), "--output-dir", str(out), "--codebooks", "1"]
    assert main([*words, "--codebook-size", "16"]) == 0
    once = 15 + 15 * RATE / 44_100  # the m4a says 44.1 kHz; a tenth of all is held out
    assert read_json(out / "fit.json")["seconds"] == pytest.approx(0.9 * once, abs=0.1)
    assert main(["convert", "--input-dir", str(songs), "--output-dir", str(tmp_path / "new")]) == 0


def test_help_of_tokenize_claims_no_codec_s_defaults_for_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["tokenize", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "default: semanticodec" not in text
    assert "default: models/semanticodec" not in text
    assert "from 1 to 12; default: the codec's own)" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tokenize", "--input-dir", "x"], "also needs --output-dir, --codec-type"),
        (
            ["tokenize", "--input-dir", "songs", "--output-dir", "y", "--codec-type", "xcodec"],
            "no weights of xcodec in models/xcodec_mini_infer",
        ),
        (
            ["tokenize", "--input-dir", "bad", "--output-dir", "bad/y", "--codec-type", "melrvq"],
            "in the folder of audio",
        ),
        (["fit-codec", "--input-dir", "songs", "--output-dir", "y"], "no audio in"),
        (["fit-codec", "--input-dir", ".", "--output-dir", "y", "--seed", "-1"], "seed of 0"),
        (["fit-codec", "--input-dir", ".", "--output-dir", "."], "holds other files"),
        (["fit-codec", "--input-dir", "codec/songs", "--output-dir", "codec"], "holds the audio"),
        (
            [
                "tokenize",
                "--input-dir",
                "bad",
                "--output-dir",
                "y",
                "--codec-type",
                "melrvq",
                "--verify",
                "-1",
            ],
            "--verify -1",
        ),
        (["fit-codec", "--input-dir", "bad", "--output-dir", "y"], "bad/x.npy: it has samples"),
    ],
)
def test_what_is_missing_is_said(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("codec/songs", "bad"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "codec" / "codebooks.safetensors").touch()
    np.save("bad/x.npy", np.full(RATE, np.nan, np.float32))
    assert main(words) in (1, 2)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "y").exists()
