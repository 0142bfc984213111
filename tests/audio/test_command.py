"""``yue convert`` outside a project, with the flags of the tool that it replaces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.audio.conftest import RATE, music, write
from yue.audio.converted_tracks import read_stems, read_tracks
from yue.cli import main


def exit_code(line: list[str]) -> int:
    try:
        return main(line)
    except SystemExit as stop:  # argparse's own
        return int(stop.code or 0)


def songs(folder: Path) -> Path:
    write(folder / "a.Vocals.wav", music(3, 44_100, seed=1), 44_100)
    write(folder / "a.Instrumental.wav", music(3, 44_100, seed=2), 44_100)
    write(folder / "b.wav", np.stack([music(3, seed=3), music(3, seed=4)], axis=1))
    return folder


def test_the_documented_line_works_anywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    songs(tmp_path / "A")
    flags = ["--input-dir", "A", "--output-dir", "out/B", "--sr", "16000", "--mono", "--normalize"]
    assert main(["convert", *flags, "--detect-vocals"]) == 0
    printed = capsys.readouterr().out
    assert "2 songs, 3 tracks" in printed
    assert "singing in 1 of 1 song with stems (1 without stems cannot be judged)" in printed
    tracks = read_tracks(tmp_path / "out" / "B" / "audio.jsonl")
    for track in tracks:
        samples = np.load(tmp_path / "out" / track.path)
        assert (samples.shape, track.sample_rate) == ((3 * RATE,), 16_000)
        os.truncate(tmp_path / "out" / track.path, 0)  # the user's own file, to write as they like
    assert max(track.peak for track in tracks) == pytest.approx(0.95)
    stems = read_stems(tmp_path / "out" / "B" / "stems" / "stems.jsonl")
    assert [(song.song_id, song.kind, bool(song.singing)) for song in stems] == [
        ("a", "stems", True),
        ("b", "unseparated", False),
    ]
    assert (tmp_path / "out" / stems[1].vocal).is_file()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["B"]


def test_every_flag_of_the_old_tool_is_understood(tmp_path: Path) -> None:
    folder, out = songs(tmp_path / "A"), tmp_path / "B"
    flags = ["--no-mono", "--no-normalize", "--trim-silence", "--segment-length", "1.0",
             "--min-segment-length", "0.5", "--max-amplitude", "0.5", "--workers", "1"]  # fmt: skip
    assert main(["convert", "--input-dir", str(folder), "--output-dir", str(out), *flags]) == 0
    tracks = read_tracks(out / "audio.jsonl")
    shapes = {track.song_id: np.load(tmp_path / track.path).shape for track in tracks}
    assert shapes["b#000"] == (2, RATE)
    assert shapes["a#002"] == (1, RATE)
    assert {track.gain_db for track in tracks} == {0}
    loud = ["--normalize", "loudness", "--loudness", "-20", "--resampler", "soxr"]
    assert main(["convert", "--input-dir", str(folder), "--output-dir", str(out), *loud]) == 0
    tracks = read_tracks(out / "audio.jsonl")
    assert [track.lufs for track in tracks if track.song_id == "b"] == [pytest.approx(-20, abs=0.1)]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--input-dir", "A"], "only one of --input-dir and --output-dir"),
        (["--input-dir", "A", "--output-dir", "A"], "holds the songs"),
        (["--input-dir", "A", "--output-dir", "."], "holds the songs"),
        (["--input-dir", "A", "--output-dir", "other"], "holds other files"),
        (["--input-dir", "A", "--output-dir", "A/a.wav"], "is a file"),
        (["--input-dir", "A", "--output-dir", "B", "--sr", "abc"], "abc"),
        (["--input-dir", "A", "--output-dir", "B", "--normalize", "very"], "very"),
    ],
)
def test_a_wrong_line_is_refused_and_destroys_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    flags: list[str], words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("A/a.wav", "other/precious.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert exit_code(["convert", *flags]) == 2
    assert words in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["a.wav", "precious.txt"]


def test_a_folder_of_bad_files_fails_with_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "a.wav").touch()
    out = tmp_path / "B"
    assert main(["convert", "--input-dir", str(tmp_path / "A"), "--output-dir", str(out)]) == 1
    assert "a.wav: it is empty (0 bytes)" in capsys.readouterr().err
    assert not out.exists()


def test_converting_never_imports_torch(tmp_path: Path) -> None:
    write(tmp_path / "A" / "a.wav", music(1, 44_100), 44_100)
    line = ["convert", "--input-dir", str(tmp_path / "A"), "--output-dir", str(tmp_path / "B")]
    code = f"""
import json, sys
import yue.audio.convert_song
from yue.cli import main
if __name__ == "__main__":
    code = main({line!r})
    print(json.dumps([code, sorted({{"torch", "torchaudio", "transformers"}} & set(sys.modules))]))
"""
    script = tmp_path / "script.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []]
