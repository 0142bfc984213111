"""Stage ``tokenize``: every track of every song to codec codes."""

from __future__ import annotations

from yue.audio.rejected import describe
from yue.codecs.encode import encode_songs
from yue.codecs.registry import load_codecs, read_card
from yue.codecs.sources import project_songs
from yue.codecs.summary import describe_codes
from yue.files import atomic_folder
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.stages import StageSummary
from yue.store import Store


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/codes/``: npy files, ``codes.jsonl``, ``codec.json`` and ``rejected.json``."""
    name, weights = recipe.codec.name, paths.root / recipe.codec.path
    codebooks = recipe.codec.codebooks
    card = read_card(name, weights, codebooks=codebooks)
    with atomic_folder(paths.codes) as folder:
        done = encode_songs(
            project_songs(paths.work),
            card,
            lambda: load_codecs(name, weights, device=recipe.runtime.device, codebooks=codebooks),
            folder,
            prefix=paths.codes.name,
            store=Store(paths.side_store / "cache"),
            workers=recipe.runtime.workers,
        )
    return StageSummary(
        made=describe_codes(done, card),
        rejected=describe(done.rejected),
        next="yue songs (or dvc repro for all that follows)",
    )
