"""``yue fit-codec``: codebooks of the embedded codec, from a folder of audio."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.errors import UsageError
from yue.wording import quoted

EXAMPLE = "yue fit-codec --input-dir songs --output-dir models/my-codec --codebooks 8"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Folders, and the codec's layout."""
    parser.add_argument("--input-dir", required=True, type=Path, help="audio files or .npy arrays")
    parser.add_argument("--output-dir", required=True, type=Path, help="the codec's folder")
    parser.add_argument("--codebooks", type=int, default=8, help="default: 8")
    parser.add_argument(
        "--codebook-size", type=int, default=1024, help="codes of each codebook (default: 1024)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of k-means (default: 0)")


def run(args: argparse.Namespace) -> None:
    """Fit, write and say how good it is."""
    from yue.codecs.audio_tracks import read_audio_folder
    from yue.codecs.melrvq import SHAPE
    from yue.codecs.melrvq_fit import fit
    from yue.files import check_replaceable
    from yue.wording import counted

    if not 1 <= args.codebooks <= 64 or not 2 <= args.codebook_size <= 1 << 15 or args.seed < 0:
        raise UsageError(
            f"{args.codebooks} codebooks of {args.codebook_size}, seed {args.seed}",
            why="codes are kept as int16",
            fix="give 1 to 64 codebooks of 2 to 32768 codes and a seed of 0 or more",
        )
    check_replaceable(args.output_dir, "codebooks.safetensors")
    if args.output_dir.resolve() in (args.input_dir.resolve(), *args.input_dir.resolve().parents):
        raise UsageError(
            f"--output-dir {args.output_dir} holds the audio",
            why="the output folder is replaced as a whole",
            fix="give another folder",
        )
    tracks = read_audio_folder(args.input_dir, SHAPE.sample_rate)
    codec = fit(tracks, codebooks=args.codebooks, codebook_size=args.codebook_size, seed=args.seed)
    codec.save(args.output_dir)
    report = codec.report
    assert report is not None
    print(
        f"fit-codec: {counted(codec.codebooks, 'codebook')} from {report.seconds:.0f} s of audio "
        f"in {args.output_dir}"
    )
    distances = [f"{value} with {count}" for count, value in report.mel_distance.items()]
    print(f"  held-out mel distance: {', '.join(distances)} codebooks (0.1 is 2 dB)")
    print(
        f"  next: codec: {{name: melrvq, path: {args.output_dir}}} in a recipe, or "
        f"--codec-type melrvq --codec-path {quoted(args.output_dir)}",
        flush=True,
    )
