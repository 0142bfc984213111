"""``yue demo``: the songs, tokenizer, codec and base model of the demo, one at a time."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.commands import Verb
from yue.errors import UsageError
from yue.progress import progress_bar

EXAMPLE = "yue demo songs --output demo/work/songs"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=list(MAKERS), help="what to make")
    parser.add_argument("--output", required=True, type=Path, help="the folder or file to make")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: 0)")
    parser.add_argument("--tokenizer", type=Path, help="base: the tokenizer to train with")
    parser.add_argument("--codec", type=Path, help="base: the codec to train with")


def run(args: argparse.Namespace) -> None:
    """Make one of them and say what it is."""
    print(f"demo: {MAKERS[args.what](args)} in {args.output}")


def _make_songs(args: argparse.Namespace) -> str:
    from yue.demo.corpus import FINE_TUNING, write_songs

    seconds = write_songs(FINE_TUNING, args.output, args.seed)
    return f"{FINE_TUNING.count} songs, {seconds:.0f} seconds of music,"


def _make_tokenizer(args: argparse.Namespace) -> str:
    from yue.demo.tokenizer import train_tokenizer

    return f"a tokenizer of {train_tokenizer(args.output, args.seed)} pieces"


def _make_codec(args: argparse.Namespace) -> str:
    from yue.demo.codec import fit_codec

    report = fit_codec(args.output, args.seed).report
    distances = report.mel_distance if report else {}
    quality = " and ".join(f"{distance:.2f} with {count}" for count, distance in distances.items())
    return f"a codec (held-out mel distance {quality} codebooks)"


def _make_base(args: argparse.Namespace) -> str:

    if args.tokenizer is None or args.codec is None:
        raise UsageError(
            "a base model is pretrained with a tokenizer and a codec",
            fix="add --tokenizer demo/work/tokenizer.model --codec demo/work/codec",
        )
    from yue.demo.base_model import make_base
    from yue.demo.pretrain import PLAN

    with progress_bar("pretraining", PLAN.steps, "steps") as bar:
        result = make_base(args.tokenizer, args.codec, args.output, args.seed, progress=bar.update)
    return f"a base model pretrained on {result.tokens} tokens (loss {result.loss:.2f})"


MAKERS = {
    "songs": _make_songs,
    "tokenizer": _make_tokenizer,
    "codec": _make_codec,
    "base": _make_base,
}


VERBS = {"demo": Verb(EXAMPLE, _add_arguments, run)}
