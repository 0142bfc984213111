"""``yue codecs``: which codecs there are, which can be used here, and how to get the others."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yue.codecs.registry import CodecState

EXAMPLE = "yue codecs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to print."""
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def run(args: argparse.Namespace) -> None:
    """List them; in a project, the recipe's codec is looked for where the recipe says."""
    from yue.codecs.registry import list_codecs

    codecs = list_codecs(_recipe_place())
    if args.json:
        print(json.dumps([_record(codec) for codec in codecs], indent=2, ensure_ascii=False))
        return
    print("\n".join(line for codec in codecs for line in _lines(codec)), flush=True)


def _recipe_place() -> dict[str, Path]:
    from yue.paths import Paths
    from yue.recipe.read import read_recipe

    paths = Paths(Path.cwd())
    if not paths.params.is_file():
        return {}
    codec = read_recipe(paths.params).codec
    return {codec.name: Path(codec.path)}


def _lines(codec: CodecState) -> list[str]:
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


def _record(codec: CodecState) -> dict[str, Any]:
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
