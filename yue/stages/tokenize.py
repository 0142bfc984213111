"""Stage ``tokenize``: every track of every song to codec codes."""

from __future__ import annotations

from yue.audio.rejected import describe
from yue.codecs.choice import CodecChoice
from yue.codecs.encode import encode_songs
from yue.codecs.sources import project_songs
from yue.codecs.summary import describe_codes
from yue.files import atomic_folder
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.stages import StageSummary
from yue.store import Store


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/codes/``: npy files, ``codes.jsonl``, ``codec.json`` and ``rejected.json``."""
    codec = CodecChoice.of_recipe(recipe, paths.root)
    card = codec.card()
    with atomic_folder(paths.codes) as folder:
        done = encode_songs(
            project_songs(paths.work),
            card,
            codec.load_all,
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
