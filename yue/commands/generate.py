"""``yue generate``: the stage of the project, or songs from lyrics of one's own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

EXAMPLE = (
    "yue generate --model base --adapter work/adapter --codec-type xcodec --codec-path xcodec "
    '--tokenizer tokenizer.model --genres "folk female" --lyrics lyrics.txt --output-dir songs'
)
_NEEDED = ("model", "codec_type", "codec_path", "tokenizer", "genres", "lyrics", "output_dir")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The prompt, the models, where the songs go, and how to sample."""
    from yue.codecs.registry import codec_names
    from yue.recipe.flags import add_flags

    parser.add_argument("--genres", help="free text, as in the songs of the training set")
    parser.add_argument(
        "--lyrics", type=Path, metavar="FILE", help="sections under labels such as [verse]"
    )
    parser.add_argument(
        "--any-tag",
        action="store_true",
        default=None,
        help="take labels that YuE does not know, where your songs had them",
    )
    parser.add_argument("--output-dir", type=Path, metavar="DIR", help="the folder to make")
    parser.add_argument("--model", type=Path, metavar="DIR", help="the base model's folder")
    parser.add_argument(
        "--adapter", type=Path, metavar="DIR", help="a PEFT folder (default: the base model alone)"
    )
    parser.add_argument(
        "--codec-type", choices=codec_names(), help="the codec of the model's codes"
    )
    parser.add_argument("--codec-path", type=Path, metavar="PATH", help="the codec's weights")
    parser.add_argument("--tokenizer", type=Path, metavar="FILE", help="a SentencePiece model")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), help="where to run (default: auto)"
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16"),
        help="of the weights (default: float32 on a CPU, bfloat16 on a GPU)",
    )
    add_flags(parser, "generate")


def run(args: argparse.Namespace) -> None:
    """Generate: with ``--lyrics`` for these, else for the held-out songs of the project."""
    from yue.commands.project import given_flags, need_flags, run_stage
    from yue.errors import UsageError

    if not given_flags(args):
        run_stage("generate")
        return
    need_flags(args, _NEEDED, EXAMPLE)
    if args.prompts is not None:
        raise UsageError(
            "--prompts counts the songs of a project",
            why="--lyrics is one song",
            fix="leave it out",
        )
    _generate(args)


def _generate(args: argparse.Namespace) -> None:
    from yue.commands.project import print_summary
    from yue.files import atomic_folder, check_replaceable
    from yue.generation.codec_card import check_codec
    from yue.generation.given import lyrics_source
    from yue.generation.make import make_samples
    from yue.generation.records import SAMPLES_FILE
    from yue.generation.setup import Setup, audio_prompt_of
    from yue.lm.device import pick_device
    from yue.paths import side_store_beside
    from yue.recipe.flags import recipe_from_flags
    from yue.stages import StageSummary
    from yue.tokens.options import Options

    how = recipe_from_flags(args, "generate").generate
    check_replaceable(args.output_dir, SAMPLES_FILE)
    source = lyrics_source(args.lyrics, args.genres, any_tag=bool(args.any_tag))
    if args.adapter is not None and args.adapter.is_dir():
        note = check_codec(args.adapter, args.codec_type, args.codec_path)
        if note:
            print(f"note: {note}", file=sys.stderr)
    device = pick_device(args.device or "auto")
    setup = Setup(
        base=args.model,
        adapter=args.adapter,
        dtype=args.dtype or ("bfloat16" if device == "cuda" else "float32"),
        device=device,
        codec_name=args.codec_type,
        codec_path=args.codec_path,
        tokenizer=args.tokenizer,
        how=how,
        options=Options(),
        audio_prompt=audio_prompt_of(how, Path()),
        stage2=None if how.stage2 is None else Path(how.stage2),
        memory=side_store_beside(args.output_dir),
    )
    with atomic_folder(args.output_dir) as folder:
        samples = make_samples([source], setup, folder)
    print_summary(
        "generate",
        StageSummary(
            made=", ".join(f"{one.files['mix']} ({one.seconds:.1f} s)" for one in samples)
            + f", and its tracks, in {args.output_dir}",
            rejected="nothing",
            next=f"listen to {args.output_dir / samples[-1].files['mix']}",
        ),
    )
