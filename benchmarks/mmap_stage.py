"""songs.jsonl and codes to ``.bin``/``.idx``: this project, upstream's way, and a plain copy.

Songs of ten minutes: two tracks of 30,000 codes, 30 sections, lyrics whose chorus comes back. All
ways run in turn in one run and must write the same bytes; a figure is the best of the rounds, since
machines are shared. Files are in the page cache. "a core" counts the processor time of all
processes of a way.

    python benchmarks/mmap_stage.py --tokenizer tokenizer.model [--songs 600] [--rounds 9]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import upstream_mmap

from yue.tokens.vocabulary import codec_range
from yue.tokens.write_files import write_token_files

FRAMES, SECTIONS = 30_000, 30
_SLOW_ROUNDS = 1  # of upstream's ways, which take minutes
LYRICS = (
    "the rain falls on my window and I call your name tonight we run along a silver road under "
    "stars that never sleep hold me now before morning takes this dream away again forever"
)


@dataclass(frozen=True)
class Cost:
    """Of one run, in seconds."""

    wall: float
    cpu: float


def make_songs(folder: Path, count: int) -> Path:
    rng, words = np.random.default_rng(0), random.Random(0)

    def line() -> str:
        return " ".join(words.choices(LYRICS.split(), k=7))

    rows = []
    for song in range(count):
        row = {"id": f"song {song}", "audio_length_in_sec": FRAMES / 50, "genres": "female pop"}
        for key, name in (("vocals_codec", "v"), ("instrumental_codec", "i")):
            codes = rng.integers(0, 1024, (1, FRAMES), dtype=np.int16)
            np.save(folder / f"{song}.{name}.npy", codes)
            row[key] = f"{song}.{name}.npy"
        chorus = "\n".join(line() for _ in range(4))
        step = FRAMES // SECTIONS
        row["splitted_lyrics"] = {
            "segmented_lyrics": [
                {
                    "offset": n * step / 50,
                    "duration": step / 50,
                    "codec_frame_start": n * step,
                    "codec_frame_end": (n + 1) * step,
                    "line_content": f"[chorus]\n{chorus}\n\n"
                    if n % 3 == 2
                    else "[verse]\n" + "\n".join(line() for _ in range(4)) + "\n\n",
                }
                for n in range(SECTIONS)
            ]
        }
        rows.append(json.dumps(row))
    (folder / "songs.jsonl").write_text("\n".join(rows) + "\n")
    return folder / "songs.jsonl"


def copy(source: Path, target: Path) -> None:
    """Read and write the same bytes block by block, and sync them as this project does."""
    for suffix in (".bin", ".idx"):
        with (
            source.with_suffix(suffix).open("rb") as read,
            target.with_suffix(suffix).open("wb") as written,
        ):
            while block := read.read(1 << 20):
                written.write(block)
            written.flush()
            os.fsync(written.fileno())


def measure(way: Callable[[], object]) -> Cost:
    wall, cpu = time.perf_counter(), processor_time()
    way()
    return Cost(time.perf_counter() - wall, processor_time() - cpu)


def processor_time() -> float:
    """Of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokenizer", type=Path, required=True, help="SentencePiece model")
    parser.add_argument("--songs", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jsonl = make_songs(folder, args.songs)
        prefixes = {key: folder / key for key in ("ours", "shared", "plain", "pool", "copy")}

        def ours(key: str, workers: int) -> Callable[[], object]:
            return lambda: write_token_files(
                jsonl,
                folder,
                args.tokenizer,
                codec_range("xcodec"),
                output_prefix=prefixes[key],
                workers=workers,
            )

        def upstream(key: str, workers: int) -> Callable[[], object]:
            prefix = prefixes[key]
            return lambda: upstream_mmap.write(jsonl, folder, args.tokenizer, prefix, workers)

        ways = {
            "this project, 1 process": ours("ours", 1),
            f"this project, {args.workers} processes": ours("shared", args.workers),
            "a plain copy, synced": lambda: copy(prefixes["ours"], prefixes["copy"]),
            "upstream's lists, without its pool": upstream("plain", 0),
            f"upstream's lists, a pool of {args.workers}": upstream("pool", args.workers),
        }
        costs: dict[str, list[Cost]] = {key: [] for key in ways}
        for number in range(args.rounds):
            for key, way in ways.items():
                if number < _SLOW_ROUNDS or not key.startswith("upstream"):
                    costs[key].append(measure(way))
        for suffix in (".bin", ".idx"):
            found = {prefix.with_suffix(suffix).read_bytes() for prefix in prefixes.values()}
            assert len(found) == 1, f"the ways differ in {suffix}"
        tokens = prefixes["ours"].with_suffix(".bin").stat().st_size // 4
    best = {key: Cost(min(c.wall for c in f), min(c.cpu for c in f)) for key, f in costs.items()}
    report(best, tokens, args.songs)


def report(costs: dict[str, Cost], tokens: int, songs: int) -> None:
    print(f"{platform.platform()}, {os.cpu_count()} cores, {cpu_model()}")
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}; load {os.getloadavg()[0]:.1f}"
    )
    print(f"{songs} songs of ten minutes, {tokens:,} tokens, the same bytes by every way\n")
    print(f"{'':36}{'ms a song':>10}{'Mtokens/s':>11}{'CPU ms a song':>15}{'Mtokens/s a core':>18}")
    for key, cost in costs.items():
        print(
            f"{key:36}{1e3 * cost.wall / songs:10.2f}{tokens / cost.wall / 1e6:11.2f}"
            f"{1e3 * cost.cpu / songs:15.2f}{tokens / max(cost.cpu, 1e-9) / 1e6:18.2f}"
        )
    mine, shared, plain, alone, pool = costs.values()
    print(
        f"\nupstream with its pool: {pool.cpu / mine.cpu:.1f}x the processor time of this project"
    )
    print(f"upstream without its pool: {alone.cpu / mine.cpu:.1f}x")
    print(f"this project: {mine.wall / plain.wall:.1f}x the time of the copy, one process")
    print(f"{shared.wall / plain.wall:.1f}x the time of the copy with its processes")


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


if __name__ == "__main__":
    sys.exit(main())
