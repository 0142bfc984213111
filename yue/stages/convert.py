"""Stage ``convert``: a folder of songs to mono arrays and what was measured of them."""

from __future__ import annotations

from yue.audio.convert import convert_folder
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.wording import StageSummary, counted


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/audio/``: arrays, ``audio.jsonl`` and ``rejected.json``."""
    done = convert_folder(
        paths.root / recipe.data.songs_dir,
        paths.audio,
        recipe.convert,
        store=paths.side_store / "cache",
        workers=recipe.runtime.workers,
        max_rejected_share=recipe.data.max_rejected_share,
        whole_list=paths.too_many_rejected,
    )
    return StageSummary(
        made=f"{counted(done.songs, 'song')} ({done.reused:,} from the store, "
        f"{done.songs - done.reused:,} converted), {counted(len(done.tracks), 'track')} in "
        f"{paths.audio.relative_to(paths.root)}",
        rejected=done.rejections.at("convert").describe("work/audio/rejected.json"),
        next="yue separate (or dvc repro for all that follows)",
    )
