"""Conversion outside a project: any folder of songs to a folder of arrays."""

from __future__ import annotations

from pathlib import Path

from yue.audio.convert import Converted, convert_folder
from yue.audio.converted_tracks import whole_songs, write_stems, write_tracks
from yue.audio.separate import Separated, separate_tracks
from yue.audio.stem_pairs import STEMS
from yue.audio.vocal_estimates import separation_of
from yue.errors import UsageError
from yue.files import atomic_folder, check_replaceable
from yue.recipe.model import Recipe
from yue.rejections import Rejections, check_share, write_rejections
from yue.summary import StageSummary
from yue.temporary import temporary_folder
from yue.wording import counted, quoted

_ROWS = "audio.jsonl"


def convert_to_folder(
    songs_dir: Path, output: Path, recipe: Recipe, *, detect_vocals: bool
) -> StageSummary:
    """Write a folder as the stage ``convert`` writes ``work/audio/``; a former one is replaced.

    Paths in its rows are relative to the folder's parent, as in a project.

    Args:
        songs_dir: The songs.
        output: The folder to make.
        recipe: Its sections convert, separate and runtime are read.
        detect_vocals: Whether to write ``stems/`` in it, as the stage ``separate`` does.

    Raises:
        UsageError: Writing ``output`` would destroy what is not ours.
    """
    songs_dir, output = songs_dir.resolve(), output.resolve()
    if songs_dir == output or output in songs_dir.parents:
        raise UsageError(
            f"--output-dir {output} holds the songs",
            why="the output folder is replaced as a whole",
            fix="give another folder",
        )
    check_replaceable(output, _ROWS)
    workers = recipe.runtime.workers
    with temporary_folder(output.with_name("yue-store")) as store:
        with atomic_folder(output) as folder:
            done = convert_folder(
                songs_dir, folder, output.name, recipe.convert, store=store, workers=workers
            )
            check_share(done.rejections, limit=1.0)
            write_tracks(folder / _ROWS, done.tracks)
            write_rejections(folder / "rejected.json", done.rejections)
        rejected = done.rejections.at("convert").describe(f"{output / 'rejected.json'}")
        made = f"{counted(done.songs, 'song')}, {counted(len(done.tracks), 'track')} in {output}"
        if detect_vocals:
            found, rejections = _detect(done, songs_dir, output, recipe, store)
            made = f"{made}; {_in_words(found)}"
            if found.rejected:
                stems = rejections.at("separate").describe(f"{output / 'stems/rejected.json'}")
                rejected = f"{rejected}\n  of the stems: {stems}"
    for path in output.rglob("*.npy"):
        path.chmod(0o644)  # no store shares these bytes any more
    return StageSummary(
        made=made,
        rejected=rejected,
        next=f"yue tokenize --input-dir {quoted(output)} --output-dir codes --codec-type NAME",
    )


def _detect(
    done: Converted, songs_dir: Path, output: Path, recipe: Recipe, store: Path
) -> tuple[Separated, Rejections]:
    """Pair the stems and find the singing, as the stage ``separate`` does."""
    with atomic_folder(output / "stems") as folder:
        found = separate_tracks(
            done.tracks,
            output.parent,
            folder,
            f"{output.name}/stems",
            recipe.separate,
            separation=separation_of(recipe, Path(), songs_dir, store),
            store=store,
            workers=recipe.runtime.workers,
        )
        write_stems(folder / "stems.jsonl", found.songs)
        rejections = found.rejections(done.rejections, whole_songs(done.tracks))
        write_rejections(folder / "rejected.json", rejections)
    return found, rejections


def _in_words(found: Separated) -> str:
    pairs = [song for song in found.songs if song.kind == STEMS]
    singing = sum(bool(song.singing) for song in pairs)
    return (
        f"singing in {singing} of {counted(len(pairs), 'song')} with stems "
        f"({len(found.songs) - len(pairs)} without stems cannot be judged)"
    )
