"""The native library and what is built on it, against upstream's ways, NumPy, and the floors.

Every output is first compared with the peer's. The ways of a goal take turns; a figure is the best
of the rounds, in processor time (of G1, which has processes, in wall time): machines are shared, so
trust the ratios. References are written for this benchmark, as Megatron-LM and YuE v1 do it. What
is written lies in memory where there is room (/dev/shm), so that disks of shared machines do not
matter; what is read at random lies on the disk, in the page cache.

    PYTHONPATH=. python benchmarks/native.py --tokenizer tokenizer.model [--rounds 5] [--large]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import native_files
import native_indices
import numpy as np
from mmap_stage import cpu_model
from timing import Line


def groups(
    folder: Path, disk: Path, args: argparse.Namespace
) -> dict[str, Callable[[], Iterator[Line]]]:
    """Return what belongs together, by the goals it measures."""
    rounds = args.rounds
    upstream = native_indices.Upstream(folder)
    documents = [10**7, *([10**8] * args.large)]
    return {
        "G1": lambda: native_files.stage(folder, args.tokenizer, rounds),
        "G2": lambda: native_files.lanes(rounds),
        "G3": lambda: native_files.writer(folder, rounds),
        "G4 G10 G16": lambda: native_files.index_files(folder, 10**7, rounds),
        "G5 G6 G7": lambda: chain.from_iterable(
            native_indices.sample_indices(upstream, count, rounds) for count in documents
        ),
        "G8": lambda: native_indices.shuffles([10**6, *documents], rounds),
        "G9": lambda: native_indices.whole_builds(upstream, folder, 10**7, max(rounds // 2, 1)),
        "G11": lambda: native_indices.blends(upstream, rounds),
        "G12 G13": lambda: native_files.reads(disk, rounds),
        "G14 G15": lambda: native_indices.packings(folder, rounds),
    }


def time_of(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokenizer", type=Path, required=True, help="SentencePiece model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="with 1e8 documents: 10 GB of memory")
    parser.add_argument("--only", nargs="*", metavar="GOAL", help="such as G2 G12")
    args = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, {cpu_model()}")
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, load {os.getloadavg()[0]:.1f}"
    )
    print("\n| goal | workload | time | against | wanted | met |\n|---|---|---|---|---|---|")
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name,
        tempfile.TemporaryDirectory() as disk,
    ):
        chosen = [
            group
            for goals, group in groups(Path(name), Path(disk), args).items()
            if not args.only or set(args.only) & set(goals.split())
        ]
        for found in chain.from_iterable(group() for group in chosen):
            against = ", ".join(
                f"{ratio:.3g}x {peer.replace('_', ' ')}" for peer, ratio in found.against.items()
            )
            met = "yes" if found.holds else "**no**"
            print(f"| {found.goal} | {found.what} | {time_of(found.ours)} | {against} | "
                  f"{found.wanted} | {met} |", flush=True)  # fmt: skip
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    sys.exit(main())
