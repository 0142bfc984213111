"""Verbs on folders of models: ``fetch`` one from the hub, ``merge`` an adapter into its base."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.commands import Verb
from yue.wording import quoted

FETCH_EXAMPLE = (
    "yue fetch m-a-p/YuE-s1-7B-anneal-en-cot --output-dir models/YuE-s1-7B-anneal-en-cot"
)


def add_fetch_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments: repository, revision, files and folder."""
    parser.add_argument("repo", help="hub id, organisation/name")
    parser.add_argument("--output-dir", required=True, type=Path, help="the folder to make")
    parser.add_argument("--revision", default=None, help="branch, tag or commit (default: main)")
    parser.add_argument(
        "--include", nargs="+", default=None, metavar="PATTERN", help="only files that match"
    )


def run_fetch(args: argparse.Namespace) -> None:
    """Download; an interrupted download goes on where it stopped."""
    from yue.inputs.fetch import fetch_repository

    folder: Path = args.output_dir
    fetch_repository(args.repo, folder, revision=args.revision, include=args.include)
    print(f"fetch: {args.repo} is in {folder}")


MERGE_EXAMPLE = (
    "yue merge --base models/YuE-s1-7B-anneal-en-cot --adapter work/adapter --output-dir merged"
)


def add_merge_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments: two models in, one out."""
    parser.add_argument("--base", type=Path, required=True, metavar="DIR", help="the base model")
    parser.add_argument(
        "--adapter", type=Path, required=True, metavar="DIR", help="a PEFT LoRA folder"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the model, made or replaced; refused where it holds anything else",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16"),
        default="bfloat16",
        help="type of the merged weights (default: bfloat16); float32 rounds nothing away",
    )


def run_merge(args: argparse.Namespace) -> None:
    """Merge, check that logits stay, and say by how much they moved."""
    from yue.files import check_replaceable

    check_replaceable(args.output_dir, "merge.json")
    from yue.lm.adapter_fit import check_fit
    from yue.lm.merge_adapter import merge
    from yue.paths import side_store_beside

    check_fit(args.adapter, args.base, side_store_beside(args.output_dir))
    parity = merge(args.base, args.adapter, args.output_dir, dtype=args.dtype)
    print(f"merge: {args.base} with {args.adapter} in {args.output_dir} ({args.dtype})")
    print(
        f"  parity: logits differ by {parity.largest:.2g} at most; divergence from base and "
        f"adapter {parity.divergence:.2g} nats, the adapter's effect is {parity.effect:.2g}"
    )
    print(f"  next: yue generate --model {quoted(args.output_dir)} sings with it", flush=True)


VERBS = {
    "fetch": Verb(FETCH_EXAMPLE, add_fetch_arguments, run_fetch),
    "merge": Verb(MERGE_EXAMPLE, add_merge_arguments, run_merge),
}
