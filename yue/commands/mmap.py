"""``yue mmap``: the stage of the project, or a songs.jsonl of one's own to token files."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.commands import Verb
from yue.commands.stage import given_flags, need_flags, print_summary, run_stage
from yue.errors import UsageError
from yue.recipe.flags import add_flags, recipe_from_flags
from yue.tokens.options import Options
from yue.tokens.vocabulary import CODECS, codec_range
from yue.wording import StageSummary, counted, quoted

EXAMPLE = (
    "yue mmap --songs songs.jsonl --root . --tokenizer tokenizer.model --codec-type xcodec "
    "--layout icl --audio-prompt dual --output-prefix tokens/train"
)
_NEEDED = ("songs", "output_prefix", "codec_type", "tokenizer")


def _add_arguments(parser: argparse.ArgumentParser) -> None:

    parser.add_argument("--songs", type=Path, metavar="JSONL", help="rows in YuE's schema")
    parser.add_argument(
        "--root", type=Path, help="folder of the rows' relative paths (default: the current one)"
    )
    parser.add_argument("--output-prefix", type=Path, metavar="PREFIX", help="path without .bin")
    parser.add_argument("--codec-type", choices=CODECS, help="the codec of the codes")
    parser.add_argument(
        "--max-rejected-share",
        type=float,
        metavar="SHARE",
        help="fail, and write nothing, when more of the rows than this cannot be used (default: 1)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes; the files do not depend on it (default: 0, one for each core)",
    )
    add_flags(parser, "tokens", own={"tokens.tokenizer": "none, needed with --songs"})


def run(args: argparse.Namespace) -> None:
    """Write token files: of the project where no flag is given, else of ``--songs``."""
    from yue.tokens.megatron_files import info_path
    from yue.tokens.row_count import row_rejections, rows_check
    from yue.tokens.write_files import write_token_sets

    if not given_flags(args):
        run_stage("mmap")
        return
    need_flags(args, _NEEDED, EXAMPLE)
    if (args.workers or 0) < 0:
        raise UsageError(f"--workers {args.workers}", fix="give 0 or more")
    # Here a path is of the current folder, which a recipe's must not lead out of.
    tokenizer = Path(args.tokenizer).resolve()
    tokens = recipe_from_flags(args, "tokens", tokens={"tokenizer": str(tokenizer)}).tokens
    written = write_token_sets(
        args.songs,
        args.root or Path(),
        tokenizer,
        codec_range(args.codec_type),
        sets={args.output_prefix: None},
        options=Options.of(tokens),
        check=rows_check(1.0 if args.max_rejected_share is None else args.max_rejected_share),
        workers=args.workers or 0,
    )
    info, rejected = written.infos[args.output_prefix], row_rejections(written.count).at("mmap")
    print_summary(
        "mmap",
        StageSummary(
            made=f"{args.output_prefix}.bin and .idx: {counted(info.documents, 'song')}, "
            f"{info.tokens:,} tokens",
            rejected=rejected.describe(str(info_path(args.output_prefix))),
            next=f"`yue inspect {quoted(args.output_prefix)} "
            f"--tokenizer {quoted(Path(args.tokenizer))}` shows them",
        ),
    )


VERBS = {"mmap": Verb(EXAMPLE, _add_arguments, run)}
