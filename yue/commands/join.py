"""``yue join``: several token files as one."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.wording import quoted

EXAMPLE = "yue join tokens/part-1 tokens/part-2 --output-prefix tokens/train"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Prefixes in, one out."""
    parser.add_argument(
        "prefixes",
        nargs="+",
        type=Path,
        metavar="PREFIX",
        help="path without .bin and .idx; documents keep this order",
    )
    parser.add_argument(
        "--output-prefix",
        type=Path,
        required=True,
        metavar="PREFIX",
        help="of the .bin, .idx and .json to write",
    )


def run(args: argparse.Namespace) -> None:
    """Join; every file is held to its checksums on the way."""
    from yue.dataset.join_files import merge
    from yue.tokens.megatron_files import as_prefix

    output = as_prefix(args.output_prefix)
    info = merge([as_prefix(prefix) for prefix in args.prefixes], output)
    print(
        f"join: {output}.bin and .idx: {len(args.prefixes)} token files, "
        f"{info.documents:,} songs, {info.tokens:,} tokens"
    )
    print(f"  next: `yue inspect {quoted(output)} --check` lists what is odd", flush=True)
