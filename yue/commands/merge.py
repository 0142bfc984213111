"""``yue merge``: an adapter added into its base model's weights."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.wording import quoted

EXAMPLE = (
    "yue merge --base models/YuE-s1-7B-anneal-en-cot --adapter work/adapter --output-dir merged"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Two models in, one out."""
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


def run(args: argparse.Namespace) -> None:
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
