"""Rows that were made elsewhere: ``songs.jsonl`` of a songs folder, in YuE's own schema.

Such a song needs no audio: its row is taken as it is, but for the paths of its codes, which are of
the recipe's codec. A path is relative to the songs folder; where nothing is there, leading folders
are dropped until something is (YuE's own examples count from its ``finetune`` folder). The schema
is read by ``yue/tokens/row_reader.py``, as it is when token files are written.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

from yue.audio.converted_tracks import INSTRUMENTAL, MIXTURE, VOCAL
from yue.audio.discover import ROWS_MADE, rows_made
from yue.errors import SongError
from yue.files import file_digest
from yue.rejections import Rejected, SongWarning
from yue.songs.build_rows import BuiltRows, TrainingRow
from yue.songs.lyrics import label_of
from yue.songs.timeline import FrameSection
from yue.tokens.codes_file import CodesError, read_codes
from yue.tokens.options import Options
from yue.tokens.row_reader import CODES_KEYS, Segment, SongRow, parse_line

GIVEN = "given"
"""The alignment of such rows: whoever made them placed their sections."""

_SCHEMA = Options()  # what a row needs for vocal and instrumental, the layout that most are for
_FIX = "correct the row; YuE's finetune/README describes its keys"


def read_ready_rows(
    songs_dir: Path, work: Path, codec: str, rate: Fraction, taken: frozenset[str]
) -> BuiltRows:
    """Read the rows, in the order of the file; each is the source of itself.

    Args:
        songs_dir: The songs folder.
        work: The folder that the paths of rows become relative to.
        codec: The recipe's codec.
        rate: Its frames a second.
        taken: Ids that other songs have.

    Raises:
        YueError: The file cannot be read.
    """
    rows: dict[str, TrainingRow] = {}
    rejected = []
    for number, line in rows_made(songs_dir):
        place = f"{ROWS_MADE}:{number}"
        read = parse_line(line, place, _SCHEMA).row
        if isinstance(read, Rejected):
            # Each line is a song of its own, whatever id it claims: it is lost with its row.
            rejected.append(replace(read, song_id=None))
            continue
        try:
            if read.id in taken or read.id in rows:
                raise ValueError(f"another song has the id '{read.id}'")
            rows[read.id] = _make_row(read, json.loads(line), songs_dir, work, rate)
        except ValueError as error:
            rejected.append(Rejected(place, str(error), _FIX))
        except SongError as error:
            rejected.append(Rejected(place, f"{error.what}: {error.why}", error.fix))
    trusted = SongWarning(
        f"codes taken as those of {codec}: no row says which codec they are of", ROWS_MADE
    )
    return BuiltRows(
        rows=tuple(rows.values()),
        sources={song: song for song in rows},
        rejected=tuple(rejected),
        skipped=(),
        warnings=(trusted,) if rows else (),
    )


def _make_row(
    read: SongRow, original: dict[str, Any], songs_dir: Path, work: Path, rate: Fraction
) -> TrainingRow:
    json.dumps(original, ensure_ascii=False).encode()  # half a surrogate pair is a ValueError
    named = {role: read.codes[role] for role in (VOCAL, INSTRUMENTAL)}
    if mixture := original.get(CODES_KEYS[MIXTURE]):
        named[MIXTURE] = str(mixture)
    files = {role: _find_codes(songs_dir, name) for role, name in named.items()}
    paths = {role: _relative(path, songs_dir, work) for role, path in files.items()}
    frames = min(_count_frames(files[role]) for role in (VOCAL, INSTRUMENTAL))
    artist = original.get("artist")
    return TrainingRow(
        id=read.id,
        vocal=paths[VOCAL],
        instrumental=paths[INSTRUMENTAL],
        mixture=paths.get(MIXTURE),
        frames=frames,
        rate=rate,
        genres=read.genres,
        artist=artist if isinstance(artist, str) and artist else None,
        alignment=GIVEN,
        sections=tuple(_make_section(segment, frames) for segment in read.segments),
        # The digests: other codes are another row, so the stages that follow run again.
        original={**original, "codes": {role: file_digest(path) for role, path in files.items()}},
    )


def _find_codes(songs_dir: Path, name: str) -> Path:
    """Find the file of codes that a row names."""
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
    """Return a path from the work folder; absolute where the songs are outside the project."""
    if songs_dir.is_relative_to(work.parent):
        return Path(os.path.relpath(path, work)).as_posix()
    return path.as_posix()


def _count_frames(path: Path) -> int:
    try:
        return int(read_codes(path).shape[1])
    except (OSError, CodesError) as error:
        raise SongError(
            path.name,
            why=f"not a .npy of codes ({error}); codes are integers (codebooks, frames)",
            fix="encode the song again",
        ) from error


def _make_section(segment: Segment, frames: int) -> FrameSection:
    if not 0 <= segment.start < segment.end:
        raise ValueError(f"a section from frame {segment.start} to {segment.end}")
    if segment.start >= frames:
        raise ValueError(
            f"a section from frame {segment.start} on, and there are {frames} frames of codes"
        )
    head, *lines = segment.line_content.split("\n")
    label = label_of(head)
    texts = tuple(filter(None, map(str.strip, lines if label else [head, *lines])))
    return FrameSection(segment.start, min(segment.end, frames), label or "verse", texts)
