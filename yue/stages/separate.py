"""Stage ``separate``: pairs of vocal and instrumental, and where there is singing."""

from __future__ import annotations

from collections.abc import Sequence

from yue.audio.converted_tracks import read_tracks
from yue.audio.separate import separate_folder
from yue.audio.stem_pairs import ADD_STEMS, STEMS, UNSEPARATED
from yue.audio.vocal_estimates import separation_of
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.rejections import read_rejections
from yue.wording import StageSummary, counted, few, printable


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/stems/``: ``stems.jsonl``, derived tracks and ``rejected.json``."""
    songs_dir, store = paths.root / recipe.data.songs_dir, paths.side_store / "cache"
    done = separate_folder(
        read_tracks(paths.audio / "audio.jsonl"),
        read_rejections(paths.audio / "rejected.json", "convert"),
        paths.work,
        paths.stems,
        recipe.separate,
        separation=separation_of(recipe, paths.root, songs_dir, store),
        store=store,
        workers=recipe.runtime.workers,
        max_rejected_share=recipe.data.max_rejected_share,
        whole_list=paths.too_many_rejected,
    )
    pairs = [song for song in done.songs if song.kind == STEMS]
    unjudged = [song.song_id for song in done.songs if song.kind == UNSEPARATED]
    sung = sum(song.singing_share * song.seconds for song in pairs)
    return StageSummary(
        made=f"{counted(len(done.songs), 'song')} ({done.reused:,} from the store, "
        f"{len(done.songs) - done.reused:,} new): {len(pairs):,} with stems, {sung:,.0f} s of "
        f"singing; {len(done.songs) - len(pairs):,} instrumental",
        rejected=done.rejections.at("separate").describe("work/stems/rejected.json"),
        next="yue tokenize (or dvc repro for all that follows)" + _unseparated_warning(unjudged),
    )


def _unseparated_warning(songs: Sequence[str]) -> str:
    """Return what songs without stems are taken for."""
    if not songs:
        return ""
    return (
        f"\n    warning: {counted(len(songs), 'song')} without stems taken as instrumental, lyrics "
        f"unused: {few([printable(song) for song in songs])}; if somebody sings, {ADD_STEMS}"
    )
