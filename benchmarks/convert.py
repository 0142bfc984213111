"""Hours of audio per minute, mp3 to 16 kHz mono npy: `yue convert`, librosa.load, ffmpeg.

All run on the same files, one after the other, each in a process of its own, in rounds that take
turns; the best round counts, for other work on the machine only ever slows. A peer that is not
installed is left out; ``--librosa PYTHON`` names an interpreter that has librosa.

- ``yue convert``: everything the stage does: discover, digest, decode, resample, peak
  normalisation, measures, .npy files, rows.
- ``librosa.load(path, sr=16000, mono=True)`` and ``np.save``, file after file.
- ``ffmpeg``, a process per file, one after the other, as a script would: decode, resample, raw
  samples. Its own threads may use more than one core.
- the same with as many processes at once as there are cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RATE = 44_100
_ABSENT = 3  # exit status of a peer that is not installed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--songs", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=200.0, help="of each song")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--librosa", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--one", nargs=3, metavar=("WHO", "SONGS", "OUT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        _one(args.one[0], Path(args.one[1]), Path(args.one[2]))
        return
    with tempfile.TemporaryDirectory(prefix="yue-bench-") as scratch:
        songs = Path(scratch) / "songs"
        # In a process of its own: what it needs of memory would count for every child.
        _call(sys.executable, "make", songs, Path(f"{args.songs}x{args.seconds}"))
        interpreters = dict.fromkeys(_RUNS, sys.executable) | {"librosa": args.librosa}
        hours = args.songs * args.seconds / 3600
        print(f"{args.songs} mp3 of {args.seconds:g} s, 44.1 kHz stereo: {hours:.2f} h")
        print(f"{platform.platform()}, {_cpu()}, {os.cpu_count()} cores\n")
        best: dict[str, tuple[float, float, int]] = {}
        for _ in range(args.rounds):
            for who, python in interpreters.items():
                if found := _run(python, who, songs, Path(scratch) / "out"):
                    best[who] = min(best.get(who, found), found)
    print("| | hours of audio per minute | wall s | core s | largest process |")
    print("|---|---|---|---|---|")
    for who, (wall, spent, memory) in best.items():
        speed = f"{hours / wall * 60:.2f} | {wall:.1f} | {spent:.1f}"
        print(f"| {who} | {speed} | {memory >> 20} MiB |")
    for who, (wall, *_) in best.items():
        if who != "yue":
            print(f"\nyue is {wall / best['yue'][0]:.1f} times as fast as {who}", end="")
    print()


def _make(folder: Path, count: int, seconds: float) -> None:
    """Songs that are encoded once and differ in a tag, so no two have one digest."""
    import numpy as np
    import soundfile

    folder.mkdir()
    random = np.random.default_rng(0)
    time_axis = np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * f * time_axis) for f in random.uniform(80, 4000, 12)) / 30
    noise = random.standard_normal((len(time_axis), 2)) * 0.03
    soundfile.write(folder / "000.mp3", tones[:, None] + noise, RATE)
    data = (folder / "000.mp3").read_bytes()
    for number in range(1, count):
        name = f"Song {number:03}".encode()
        tag = b"TAG" + name.ljust(125, b"\0")
        (folder / f"{number:03}.mp3").write_bytes(data + tag)


def _run(python: str, who: str, songs: Path, out: Path) -> tuple[float, float, int] | None:
    """Wall seconds, seconds of all cores, bytes of the largest process; None if not installed."""
    shutil.rmtree(out, ignore_errors=True)
    printed = _call(python, who, songs, out)
    if printed is None:
        print(f"{who}: not installed, left out")
        return None
    wall, spent, memory = json.loads(printed.splitlines()[-1])
    return float(wall), float(spent), int(memory)


def _call(python: str, who: str, songs: Path, out: Path) -> str | None:
    line = [python, __file__, "--one", who, str(songs), str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == _ABSENT:
        return None
    if done.returncode:
        sys.exit(f"{who} failed:\n{done.stderr}")
    return done.stdout


def _one(who: str, songs: Path, out: Path) -> None:
    if who == "make":
        count, seconds = out.name.split("x")
        _make(songs, int(count), float(seconds))
        return
    start = time.monotonic()
    _RUNS[who](songs, out)
    wall = time.monotonic() - start
    usage = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    spent = sum(u.ru_utime + u.ru_stime for u in usage)
    print(json.dumps([wall, spent, max(u.ru_maxrss for u in usage) * 1024]))


def _yue(songs: Path, out: Path) -> None:
    line = ["convert", "--input-dir", str(songs), "--output-dir", str(out), "--sr", "16000"]
    subprocess.run([sys.executable, "-m", "yue", *line], check=True, stdout=subprocess.DEVNULL)


def _librosa(songs: Path, out: Path) -> None:
    try:
        import librosa
        import numpy as np
    except ImportError:
        sys.exit(_ABSENT)
    out.mkdir()
    for path in sorted(songs.iterdir()):
        samples, _ = librosa.load(path, sr=16_000, mono=True)
        np.save(out / path.with_suffix(".npy").name, samples)


def _ffmpeg(songs: Path, out: Path, processes: int = 1) -> None:
    if shutil.which("ffmpeg") is None:
        sys.exit(_ABSENT)
    out.mkdir()

    def convert(path: Path) -> None:
        line = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-ac", "1", "-ar", "16000"]
        target = out / path.with_suffix(".f32").name
        subprocess.run([*line, "-f", "f32le", str(target)], check=True)

    with ThreadPoolExecutor(processes) as threads:
        list(threads.map(convert, sorted(songs.iterdir())))


def _ffmpegs(songs: Path, out: Path) -> None:
    _ffmpeg(songs, out, os.cpu_count() or 1)


_RUNS = {"yue": _yue, "librosa": _librosa, "ffmpeg": _ffmpeg, "ffmpeg on all cores": _ffmpegs}


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
