"""``yue mmap``: the stage of the project, or a songs.jsonl of one's own to token files."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = (
    "yue mmap --songs songs.jsonl --root . --tokenizer tokenizer.model --codec-type xcodec "
    "--output-prefix tokens/train"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Rows, where their codes are, and where the files go."""
    from yue.recipe.flags import add_flags
    from yue.tokens.vocabulary import CODECS

    parser.add_argument("--songs", type=Path, metavar="JSONL", help="rows in YuE's schema")
    parser.add_argument(
        "--root", type=Path, default=Path(), help="folder of the rows' relative paths (default: .)"
    )
    parser.add_argument("--output-prefix", type=Path, metavar="PREFIX", help="path without .bin")
    parser.add_argument("--codec-type", choices=CODECS, help="the codec of the codes")
    parser.add_argument(
        "--max-rejected-share",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="fail, and write nothing, when more of the rows than this cannot be used (default: 1)",
    )
    add_flags(parser, "tokens")


def run(args: argparse.Namespace) -> None:
    """Write token files: with ``--songs`` of these rows, else of the project."""
    from yue.commands.project import print_summary, run_stage
    from yue.errors import UsageError
    from yue.stages import StageSummary
    from yue.tokens.rejections import summarise
    from yue.tokens.vocabulary import codec_range
    from yue.tokens.write import write_token_files

    needed = ("songs", "output_prefix", "codec_type", "tokenizer")
    given = [name for name in needed if getattr(args, name) is not None]
    if not given:
        run_stage("mmap")
        return
    if len(given) < len(needed):
        missing = [f"--{name.replace('_', '-')}" for name in needed if name not in given]
        raise UsageError(
            f"without a project, mmap also needs {', '.join(missing)}", fix=f"example: {EXAMPLE}"
        )
    info = write_token_files(
        args.songs,
        args.root,
        Path(args.tokenizer),
        codec_range(args.codec_type),
        output_prefix=args.output_prefix,
        layout=args.layout or "cot",
        compat=args.compat or "strict",
        max_rejected_share=args.max_rejected_share,
    )
    print_summary(
        "mmap",
        StageSummary(
            made=f"{args.output_prefix}.bin and .idx: {info.documents:,} songs, "
            f"{info.tokens:,} tokens",
            rejected=summarise(info.rows, info.documents, info.rejected),
            next=f"`yue inspect {args.output_prefix} --tokenizer {args.tokenizer}` shows them",
        ),
    )
