"""Verbs on weights: ``fetch`` and ``merge`` models; list ``codecs``, or fit one (``fit-codec``)."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yue.commands import Verb
from yue.errors import UsageError
from yue.files import check_replaceable
from yue.paths import Paths, side_store_beside
from yue.wording import counted, quoted

if TYPE_CHECKING:
    from yue.codecs.registry import CodecState

FETCH_EXAMPLE = (
    "yue fetch m-a-p/YuE-s1-7B-anneal-en-cot --output-dir models/YuE-s1-7B-anneal-en-cot"
)


def _add_fetch_arguments(parser: argparse.ArgumentParser) -> None:
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


def _add_merge_arguments(parser: argparse.ArgumentParser) -> None:
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
    check_replaceable(args.output_dir, "merge.json")  # before torch is imported
    from yue.lm.adapter_fit import check_fit
    from yue.lm.merge_adapter import merge

    check_fit(args.adapter, args.base, side_store_beside(args.output_dir))
    parity = merge(args.base, args.adapter, args.output_dir, dtype=args.dtype)
    print(f"merge: {args.base} with {args.adapter} in {args.output_dir} ({args.dtype})")
    print(
        f"  parity: logits differ by {parity.largest:.2g} at most; divergence from base and "
        f"adapter {parity.divergence:.2g} nats, the adapter's effect is {parity.effect:.2g}"
    )
    print(f"  next: yue generate --model {quoted(args.output_dir)} sings with it", flush=True)


CODECS_EXAMPLE = "yue codecs"


def _add_codecs_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def run_codecs(args: argparse.Namespace) -> None:
    """List them; in a project, the recipe's codec is looked for where the recipe says."""
    from yue.codecs.registry import list_codecs

    codecs = list_codecs(_recipe_weights())
    if args.json:
        print(json.dumps([_codec_record(codec) for codec in codecs], indent=2, ensure_ascii=False))
        return
    print("\n".join(line for codec in codecs for line in _describe_codec(codec)), flush=True)


def _recipe_weights() -> dict[str, Path]:
    from yue.recipe.read import read_recipe

    paths = Paths(Path.cwd())
    if not paths.params.is_file():
        return {}
    codec = read_recipe(paths.params).codec
    return {codec.name: Path(codec.path)}


def _describe_codec(codec: CodecState) -> list[str]:
    known = codec.about
    lines = [f"{codec.name}: {known.summary}" if known else codec.name]
    if known:
        lines.append(
            f"  takes    {known.sample_rate} Hz mono; licence of the weights: {known.licence}"
        )
    if codec.digest is not None:
        lines.append(f"  ready    {codec.weights} ({codec.digest[:12]})")
    else:
        lines += [f"  not here {codec.problem}", f"  fix      {codec.fix}"]
    return lines


def _codec_record(codec: CodecState) -> dict[str, Any]:
    known = codec.about
    return {
        "name": codec.name,
        "summary": known and known.summary,
        "licence": known and known.licence,
        "sample_rate": known and known.sample_rate,
        "codebooks": known and known.codebooks,
        "get": known and known.fetch,
        "weights": str(codec.weights),
        "ready": codec.digest is not None,
        "digest": codec.digest,
        "problem": codec.problem or None,
        "fix": codec.fix or None,
    }


FIT_CODEC_EXAMPLE = "yue fit-codec --input-dir songs --output-dir models/my-codec --codebooks 8"


def _add_fit_codec_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input-dir", required=True, type=Path, help="audio files or .npy arrays")
    parser.add_argument("--output-dir", required=True, type=Path, help="the codec's folder")
    parser.add_argument("--codebooks", type=int, default=8, help="default: 8")
    parser.add_argument(
        "--codebook-size", type=int, default=1024, help="codes of each codebook (default: 1024)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of k-means (default: 0)")


def run_fit_codec(args: argparse.Namespace) -> None:
    """Fit, write and say how good it is."""
    from yue.codecs.audio_tracks import read_audio_folder
    from yue.codecs.melrvq import SHAPE
    from yue.codecs.melrvq_fit import fit

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


VERBS = {
    "fetch": Verb(FETCH_EXAMPLE, _add_fetch_arguments, run_fetch),
    "merge": Verb(MERGE_EXAMPLE, _add_merge_arguments, run_merge),
    "codecs": Verb(CODECS_EXAMPLE, _add_codecs_arguments, run_codecs),
    "fit-codec": Verb(FIT_CODEC_EXAMPLE, _add_fit_codec_arguments, run_fit_codec),
}
