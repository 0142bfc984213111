"""Stage ``tokenize``: every track of every song to codec codes."""

from __future__ import annotations

from yue.audio.converted_tracks import read_tracks, whole_songs
from yue.codecs.audio_tracks import project_songs
from yue.codecs.encode_songs import describe_codes, encode_songs
from yue.codecs.registry import CodecChoice
from yue.files import atomic_folder
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.rejections import check_share, read_rejections, write_rejections
from yue.store import Store
from yue.summary import StageSummary


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/codes/``: npy files, ``codes.jsonl``, ``codec.json`` and ``rejected.json``."""
    codec = CodecChoice.of_recipe(recipe, paths.root)
    card = codec.card()
    songs = project_songs(paths.work)
    earlier = read_rejections(paths.stems / "rejected.json", "separate")
    with atomic_folder(paths.codes) as folder:
        done = encode_songs(
            songs,
            card,
            codec.load_all,
            folder,
            prefix=paths.codes.name,
            store=Store(paths.side_store / "cache"),
            workers=recipe.runtime.workers,
        )
        whole = whole_songs(read_tracks(paths.audio / "audio.jsonl")) if done.rejected else {}
        rejections = done.rejections(earlier, songs, whole)
        check_share(rejections, recipe.data.max_rejected_share, paths.too_many_rejected)
        write_rejections(folder / "rejected.json", rejections)
    return StageSummary(
        made=describe_codes(done, card),
        rejected=rejections.at("tokenize").describe("work/codes/rejected.json"),
        next="yue songs (or dvc repro for all that follows)",
    )
