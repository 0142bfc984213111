"""``yue index``: the sample order of YuE's own scripts, as files for them and other readers."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.commands import Verb

EXAMPLE = (
    "yue index work/tokens/train --samples 1200 --context-length 8192 --output-dir cache\n"
    "  yue index 0.7 tokens/songs 0.3 tokens/pop --samples 1200 --split 900,50,50 "
    "--output-dir cache"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the data path, what to draw, and where the files go."""
    parser.add_argument(
        "data_path",
        nargs="+",
        metavar="DATA",
        help="PREFIX of token files, or weights and prefixes in turn (YuE's DATA_PATH)",
    )
    parser.add_argument(
        "--samples",
        type=int,
        required=True,
        metavar="N",
        help="samples to draw: YuE's TRAIN_ITERS times its global batch size",
    )
    parser.add_argument(
        "--context-length",
        "--seq-length",
        type=int,
        default=8192,
        metavar="L",
        help="tokens of input of a sample (default: 8192)",
    )
    parser.add_argument(
        "--seed", type=int, default=1234, metavar="S", help="of the order (default: 1234)"
    )
    parser.add_argument(
        "--split",
        metavar="SHARES",
        help="shares of train, valid and test, as 900,50,50 (default: the files are one split)",
    )
    parser.add_argument(
        "--part",
        choices=("train", "valid", "test"),
        default="train",
        help="the split to draw from (default: train)",
    )
    parser.add_argument(
        "--enable-shuffle",
        action="store_true",
        help="shuffle sequences too; the names of the files do not tell",
    )
    parser.add_argument(
        "--output-dir", type=Path, required=True, metavar="DIR", help="folder for the .npy files"
    )


def run(args: argparse.Namespace) -> None:
    """Write the arrays, and say which they are."""
    from yue.dataset.index_files import IndexRequest, write_indices
    from yue.wording import quoted

    request = IndexRequest(
        samples=args.samples,
        context=args.context_length,
        seed=args.seed,
        split=args.split,
        part=args.part,
        shuffle_sequences=args.enable_shuffle,
    )
    for files in write_indices(args.data_path, request, args.output_dir):
        of = files.description.get("path_prefix", "the blend")
        print(f"index: {files.prefix}-*: {of}, {files.samples:,} samples")
    print(
        f"  next: give YuE's script --data-cache-path {quoted(args.output_dir)}, with the same "
        "words for the data"
    )


VERBS = {"index": Verb(EXAMPLE, add_arguments, run)}
