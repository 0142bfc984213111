"""Stage ``tokenize``: every track of every song to codec codes."""

from __future__ import annotations

from functools import partial

from yue.audio.converted_tracks import read_tracks, whole_songs
from yue.codecs.audio_tracks import project_songs
from yue.codecs.encode_songs import tokenize_songs
from yue.codecs.registry import CodecChoice
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.rejections import read_rejections
from yue.store import Store
from yue.wording import StageSummary


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/codes/``: npy files, ``codes.jsonl``, ``codec.json`` and ``rejected.json``."""
    made, left_out = tokenize_songs(
        partial(project_songs, paths.work),
        CodecChoice.of_recipe(recipe, paths.root),
        paths.codes,
        workers=recipe.runtime.workers,
        store=Store(paths.side_store / "cache"),
        earlier=read_rejections(paths.stems / "rejected.json", "separate"),
        pieces=lambda: whole_songs(read_tracks(paths.audio / "audio.jsonl")),
        limit=recipe.data.max_rejected_share,
        whole_list=paths.too_many_rejected,
    )
    return StageSummary(
        made=made,
        rejected=left_out.describe("work/codes/rejected.json"),
        next="yue songs (or dvc repro for all that follows)",
    )
