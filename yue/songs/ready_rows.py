"""Rows that were made elsewhere: ``songs.jsonl`` of a songs folder, in YuE's own schema.

Such a song needs no audio: its row is taken as it is, but for the paths of its codes, which are of
the recipe's codec. A path is relative to the songs folder; where nothing is there, leading folders
are dropped until something is (YuE's own examples count from its ``finetune`` folder).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

from yue.audio.discover import ROWS_MADE, rows_made
from yue.errors import SongError
from yue.files import file_digest
from yue.rejections import Rejected
from yue.songs.lyrics import label_of
from yue.songs.song_rows import Row
from yue.songs.song_warnings import Warned
from yue.songs.timeline import FrameSection
from yue.tokens.codes_file import CodesError, read_codes

GIVEN = "given"
"""The alignment of such rows: whoever made them placed their sections."""

_KEYS = {"vocals_codec": "vocal", "instrumental_codec": "instrumental", "codec": "mixture"}
_FIX = "correct the row; YuE's finetune/README describes its keys"


@dataclass(frozen=True)
class Given:
    """What a songs folder has of such rows.

    Attributes:
        rows: In the order of the file.
        rejected: Lines that cannot be used.
        warnings: What was taken on trust.
    """

    rows: tuple[Row, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    warnings: tuple[Warned, ...] = ()


def read_given(
    songs_dir: Path, work: Path, codec: str, rate: Fraction, taken: frozenset[str]
) -> Given:
    """Read the rows.

    Args:
        songs_dir: The songs folder.
        work: The folder that the paths of rows become relative to.
        codec: The recipe's codec.
        rate: Its frames a second.
        taken: Ids that other songs have.

    Raises:
        YueError: The file cannot be read.
    """
    rows: dict[str, Row] = {}
    rejected = []
    for number, line in rows_made(songs_dir):
        place = f"{ROWS_MADE}:{number}"
        try:
            row = _row(_object(line), songs_dir, work, rate)
            if row.id in taken or row.id in rows:
                raise ValueError(f"another song has the id '{row.id}'")
            rows[row.id] = row
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            rejected.append(Rejected(place, what, _FIX))
        except SongError as error:
            rejected.append(Rejected(place, f"{error.what}: {error.why}", error.fix))
    trusted = Warned(
        f"codes taken as those of {codec}: no row says which codec they are of", ROWS_MADE
    )
    return Given(tuple(rows.values()), tuple(rejected), (trusted,) if rows else ())


def _object(line: bytes) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is a ValueError
    return value


def _row(value: dict[str, Any], songs_dir: Path, work: Path, rate: Fraction) -> Row:
    song = str(value["id"])
    files = {
        role: _find(songs_dir, str(value[key]))
        for key, role in _KEYS.items()
        if key != "codec" or value.get(key)
    }
    paths = {role: _relative(path, songs_dir, work) for role, path in files.items()}
    frames = min(_frames(files[role]) for role in ("vocal", "instrumental"))
    sections = tuple(
        _section(item, frames) for item in value["splitted_lyrics"]["segmented_lyrics"]
    )
    if not sections:
        raise ValueError("'segmented_lyrics' is empty")
    artist = value.get("artist")
    return Row(
        id=song,
        vocal=paths["vocal"],
        instrumental=paths["instrumental"],
        mixture=paths.get("mixture"),
        frames=frames,
        rate=rate,
        genres=str(value["genres"]),
        artist=artist if isinstance(artist, str) and artist else None,
        alignment=GIVEN,
        sections=sections,
        # The digests: other codes are another row, so the stages that follow run again.
        original={**value, "codes": {role: file_digest(path) for role, path in files.items()}},
    )


def _find(songs_dir: Path, name: str) -> Path:
    """The file of codes that a row names."""
    parts = PurePosixPath(name).parts
    for first in range(max(1, len(parts))):
        path = songs_dir.joinpath(*parts[first:])
        if path.is_file() and ".." not in parts:
            return path
    raise SongError(
        name,
        why="no such file of codes in the songs folder",
        fix="put it there, or correct the row",
    )


def _relative(path: Path, songs_dir: Path, work: Path) -> str:
    """As seen from the work folder; absolute where the songs are outside the project."""
    if songs_dir.is_relative_to(work.parent):
        return Path(os.path.relpath(path, work)).as_posix()
    return path.as_posix()


def _frames(path: Path) -> int:
    try:
        return int(read_codes(path).shape[1])
    except (OSError, CodesError) as error:
        raise SongError(
            path.name,
            why=f"not a .npy of codes ({error}); codes are integers (codebooks, frames)",
            fix="encode the song again",
        ) from error


def _section(item: dict[str, Any], frames: int) -> FrameSection:
    start, end = item["codec_frame_start"], item["codec_frame_end"]
    if not all(type(frame) is int for frame in (start, end)) or not 0 <= start < end:
        raise ValueError(f"a section from frame {start!r} to {end!r}")
    if start >= frames:
        raise ValueError(f"a section from frame {start} on, and there are {frames} frames of codes")
    head, *lines = str(item["line_content"]).split("\n")
    label = label_of(head)
    texts = tuple(filter(None, map(str.strip, lines if label else [head, *lines])))
    return FrameSection(start, min(end, frames), label or "verse", texts)
