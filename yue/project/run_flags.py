"""A project made from flags and run at once: ``yue pipeline`` and ``yue preprocess``.

``preprocess`` begins with arrays that ``yue convert`` wrote elsewhere (:func:`adopt_arrays`).
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yue.audio.converted_tracks import ConvertedTrack, read_tracks, whole_songs, write_tracks
from yue.audio.discover import rows_made
from yue.errors import AudioError, UsageError, YueError
from yue.files import atomic_folder, write_text
from yue.project.activate import activate
from yue.project.create import create_project, update_project
from yue.project.pipeline_files import project_pipelines, stage_names, template_root
from yue.recipe.read import checked
from yue.recipe.writing import short_text
from yue.recipe.yaml_positions import parse_document, read_document
from yue.rejections import Rejections, read_rejections, write_rejections
from yue.wording import quoted

_ROWS, _REJECTED = "audio.jsonl", "rejected.json"


@dataclass(frozen=True)
class Order:
    """What a verb was asked for.

    Attributes:
        name: Of the recipe that is written (``recipes/<name>.yaml``).
        folder: The project, made if need be.
        base: The ready recipe that has all other values.
        values: Section to key to value.
        skipped: Stages to leave out; what they make must be there.
    """

    name: str
    folder: Path
    base: str
    values: Mapping[str, Mapping[str, Any]]
    skipped: tuple[str, ...] = ()


def prepare(order: Order) -> None:
    """Make or update the project, and make the recipe its active one.

    Raises:
        RecipeError: The values make no valid recipe; nothing is written then.
        UsageError: A stage cannot be skipped, or edits of params.yaml would be lost.
    """
    text = _recipe_text(order)
    if (order.folder / "dvc.yaml").is_file():
        update_project(order.folder, order.skipped)
    else:
        create_project(order.folder, order.base, order.skipped)
    file = order.folder / "recipes" / f"{order.name}.yaml"
    write_text(file, text)
    activate(file, order.folder)


def run(order: Order) -> None:
    """Run ``dvc repro`` in the prepared project; its output goes where this process's goes.

    Raises:
        UsageError: Something that a skipped stage makes is not there.
        YueError: A stage failed.
    """
    for path in project_pipelines(order.skipped).given:
        if not (order.folder / path).exists():
            raise UsageError(
                f"{order.folder / path} is not there",
                why=f"the stage that makes it is skipped ({', '.join(order.skipped)})",
                fix="run once without skipping it",
            )
    # The stages start `python -m yue`: it must be this Python, whatever the shell has in front.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    sys.stdout.flush()
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=order.folder,
        env={**os.environ, "PATH": path},
        check=False,
    )
    if done.returncode:
        raise YueError(
            f"the pipeline in {order.folder} stopped",
            why="a stage failed; what it said is above",
            fix="mend that, then run the same command again: finished stages are kept",
        )


def skipped_stages(words: Collection[str]) -> tuple[str, ...]:
    """Return the stages that ``--skip-steps`` means; some of its names mean several."""
    names = stage_names()
    convert, mmap, train = map(names.index, ("convert", "mmap", "train"))
    steps = {
        "preprocess": names[convert + 1 : mmap],
        "dataset": names[mmap:train],
        "count": (),
        "train": names[train:],
    }
    stages = [stage for word in words for stage in steps.get(word, (word,))]
    return tuple(dict.fromkeys(stages))


def _recipe_text(order: Order) -> str:
    """Return a checked recipe of the base's and the order's values, which needs no base file."""
    base = checked(read_document(template_root() / "recipes" / f"{order.base}.yaml"))
    values: dict[str, Any] = {**base.values, "name": order.name}
    values["description"] = f"written by yue {order.name}"
    for section, part in order.values.items():
        values[section] = {**values[section], **part}
    ours = f"# Written by `yue {order.name}` from the recipe {order.base} and its flags."
    text = short_text([ours], values)
    checked(parse_document(text, str(order.folder / f"recipes/{order.name}.yaml")))
    return text


def adopt_arrays(source: Path, target: Path, songs_dir: Path) -> None:
    """Link (or copy) the arrays of a folder and write their rows for the new place.

    Args:
        source: Holds ``audio.jsonl`` and the arrays that it names.
        target: ``work/audio`` of the project; replaced as a whole.
        songs_dir: The project's songs folder, whose ``songs.jsonl`` counts among what was found.

    Raises:
        YueError: Its ``rejected.json`` is damaged or of an older version.
        AudioError: An array is missing or lies elsewhere.
    """
    with atomic_folder(target) as folder:
        tracks = read_tracks(source / _ROWS)
        write_tracks(
            folder / _ROWS, [_adopt_track(track, source, folder, target.name) for track in tracks]
        )
        if (source / _REJECTED).is_file():
            rejections = read_rejections(source / _REJECTED, "convert")
        else:
            rejections = Rejections(len(set(whole_songs(tracks).values())))
        rows = sum(1 for _ in rows_made(songs_dir))
        write_rejections(folder / _REJECTED, dataclasses.replace(rejections, rows=rows))


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


def _adopt_track(track: ConvertedTrack, source: Path, folder: Path, name: str) -> ConvertedTrack:
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
