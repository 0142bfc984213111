"""Arrays that ``yue convert`` wrote elsewhere, taken into a project as if made there."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

from yue.audio.rows import Track, read_tracks, write_tracks
from yue.errors import AudioError, UsageError
from yue.files import atomic_folder
from yue.wording import quoted

_ROWS, _REJECTED = "audio.jsonl", "rejected.json"


def adopt_arrays(source: Path, target: Path) -> None:
    """Link (or copy) the arrays of a folder and write their rows for the new place.

    Args:
        source: Holds ``audio.jsonl`` and the arrays that it names.
        target: ``work/audio`` of the project; replaced as a whole.

    Raises:
        UsageError: ``source`` is not what ``yue convert`` makes.
        AudioError: An array is missing or lies elsewhere.
    """
    check_arrays(source)
    with atomic_folder(target) as folder:
        rows = [_adopt(track, source, folder, target.name) for track in read_tracks(source / _ROWS)]
        write_tracks(folder / _ROWS, rows)
        if (source / _REJECTED).is_file():
            shutil.copyfile(source / _REJECTED, folder / _REJECTED)
        else:
            (folder / _REJECTED).write_text("[]\n")


def check_arrays(source: Path) -> None:
    """Refuse a folder that ``yue convert`` did not make.

    Raises:
        UsageError: It has no rows.
    """
    if not (source / _ROWS).is_file():
        raise UsageError(
            f"{source} has no {_ROWS}",
            why="preprocess goes on from what `yue convert` made",
            fix=f"yue convert --input-dir SONGS --output-dir {quoted(source)}",
        )


def _adopt(track: Track, source: Path, folder: Path, name: str) -> Track:
    array = source / Path(track.path).name
    if not array.is_file():
        raise AudioError(
            f"{source / _ROWS}: {track.path} of {track.song_id} is not in {source}",
            fix="run `yue convert` again",
        )
    try:
        os.link(array, folder / array.name)
    except OSError:  # another file system
        shutil.copyfile(array, folder / array.name)
    return dataclasses.replace(track, path=f"{name}/{array.name}")
