"""Stage ``convert``: a folder of songs to mono arrays and what was measured of them."""

from __future__ import annotations

from yue.audio.convert import convert_folder
from yue.audio.converted_tracks import write_tracks
from yue.files import atomic_folder
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.rejections import check_share, write_rejections
from yue.summary import StageSummary
from yue.wording import counted


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/audio/``: arrays, ``audio.jsonl`` and ``rejected.json``."""
    with atomic_folder(paths.audio) as folder:
        done = convert_folder(
            paths.root / recipe.data.songs_dir,
            folder,
            paths.audio.name,
            recipe.convert,
            store=paths.side_store / "cache",
            workers=recipe.runtime.workers,
        )
        check_share(done.rejections, recipe.data.max_rejected_share, paths.too_many_rejected)
        write_tracks(folder / "audio.jsonl", done.tracks)
        write_rejections(folder / "rejected.json", done.rejections)
    return StageSummary(
        made=f"{counted(done.songs, 'song')} ({done.reused:,} from the store, "
        f"{done.songs - done.reused:,} converted), {counted(len(done.tracks), 'track')} in "
        f"{paths.audio.relative_to(paths.root)}",
        rejected=done.rejections.at("convert").describe("work/audio/rejected.json"),
        next="yue separate (or dvc repro for all that follows)",
    )
