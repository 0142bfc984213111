"""``yue tokenize``: the stage of the project, or a folder of arrays to a folder of codes."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.commands.project import print_summary, run_stage
from yue.errors import UsageError

EXAMPLE = "yue tokenize --input-dir converted --output-dir codes --codec-type xcodec"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Folders and the keys of the recipe's sections."""
    from yue.recipe.flags import add_flags

    parser.add_argument("--input-dir", type=Path, help="folder that `yue convert` made, or of .npy")
    parser.add_argument("--output-dir", type=Path, help="folder to make")
    add_flags(parser, "codec", "runtime")


def run(args: argparse.Namespace) -> None:
    """Encode the folder that is given, else run the stage of the project."""
    if args.input_dir is None and args.output_dir is None:
        run_stage("tokenize")
        return
    needed = ("input_dir", "output_dir", "codec_type")
    missing = [f"--{name.replace('_', '-')}" for name in needed if getattr(args, name) is None]
    if missing:
        raise UsageError(
            f"tokenize also needs {', '.join(missing)}",
            why="with a folder given it works apart from the project",
            fix=f"give them (example: {EXAMPLE}), or no flag at all to run the project's stage",
        )
    from yue.codecs.folder import tokenize_folder

    summary = tokenize_folder(
        args.input_dir,
        args.output_dir,
        args.codec_type,
        weights=args.codec_path and Path(args.codec_path),
        codebooks=args.codebooks,
        device=args.device or "auto",
        workers=args.workers or 0,
    )
    print_summary("tokenize", summary)
