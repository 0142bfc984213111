"""What a file's name says: of which song it is, and which track.

A stem is named by whole words, so ``instinct.wav`` is no instrumental. The words may end the name
(``song.Vocals``, ``song_no_vocals``, ``song (Instrumental)``), stand in brackets anywhere in it
(``song_(Vocals)_model``), begin it, be all of it (``song/vocals``), or name a folder
(``vocals/song``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from yue.audio.converted_tracks import INSTRUMENTAL, MIXTURE, VOCAL

_GAP = r"[ _-]*"  # no dot: "Casi No.Vocals" is the vocal of a song that ends in "No"
_PHRASES = {
    INSTRUMENTAL: rf"no{_GAP}vocals?|off{_GAP}vocals?|instrumentals?|inst|accompaniment|karaoke"
    rf"|backing{_GAP}track",
    VOCAL: rf"vocals?|vox|a{_GAP}cap+ella",
    MIXTURE: rf"mixture|(?:full{_GAP}|original{_GAP})?mix|full",
}
# A letter or digit on either side makes it another word.
_STEM = re.compile(
    r"(?<![^\W_])(?:"
    + "|".join(f"(?P<{role}>{phrase})" for role, phrase in _PHRASES.items())
    + r")(?![^\W_])",
    re.IGNORECASE,
)
_EDGES = " \t\n._-–—"
_OPEN, _CLOSE = "([{", ")]}"
_PART_NAMES = frozenset({"bass", "drums", "other", "guitar", "piano"})


@dataclass(frozen=True)
class NameMark:
    """One reading of a file's path.

    Attributes:
        song_id: The song that it would belong to.
        role: The track that it would be.
        sure: Whether the reading stands alone. ``Vocals of Ghana.mp3`` may be a song's whole name,
            so that reading needs another track of the same song beside it.
    """

    song_id: str
    role: str
    sure: bool


def plain_id(path: PurePosixPath) -> str:
    """Return the song that a file is when its name is read as a title only."""
    return path.with_suffix("").as_posix()


def stem_mark(path: PurePosixPath) -> NameMark | None:
    """Return the stem that a path names by its file name, else by one of its folders."""
    by_name = _name_mark(path)
    by_folder = _folder_mark(path)
    if by_name is None or (by_folder is not None and not by_name.sure):
        return by_folder
    if by_folder is not None and by_folder.role == by_name.role:
        outer = _folder_mark(PurePosixPath(by_name.song_id + path.suffix))
        return NameMark(outer.song_id, by_name.role, sure=True) if outer else by_name
    return by_name


def is_part(path: PurePosixPath) -> bool:
    """Return whether a file is named as one instrument group of a song (``song/drums.wav``)."""
    return path.stem.lower() in _PART_NAMES


def _folder_mark(path: PurePosixPath) -> NameMark | None:
    for index in range(len(path.parts) - 2, -1, -1):
        found = _STEM.fullmatch(path.parts[index])
        if found:
            rest = PurePosixPath(*path.parts[:index], *path.parts[index + 1 :])
            role = str(found.lastgroup)
            return NameMark(plain_id(rest), role, sure=role != MIXTURE)
    return None


def _name_mark(path: PurePosixPath) -> NameMark | None:
    name = path.stem
    readings = [_read_words(name, found) for found in _STEM.finditer(name)]
    if not readings:
        return None
    base, role, sure = max(reversed(readings), key=lambda reading: reading[2])
    folder = path.parent
    if base:
        return NameMark((folder / base).as_posix(), role, sure)
    # The name is the stem's alone: the folder is the song, and in no folder there is no song name.
    return NameMark(folder.as_posix() if folder.name else "song", role, sure=False)


def _read_words(name: str, found: re.Match[str]) -> tuple[str, str, bool]:
    """Return the name without the words found, the role, and whether that is sure."""
    left, right = name[: found.start()], name[found.end() :]
    bracketed = left[-1:] in tuple(_OPEN) and right[:1] in tuple(_CLOSE)
    if bracketed:
        left, right = left[:-1], right[1:]
    base, right = left.rstrip(_EDGES), right.strip(_EDGES)
    role = str(found.lastgroup)
    if not base:
        return right, role, False
    sure = role != MIXTURE and (bracketed or not right)
    return (base + left[len(base) :] + right if right else base), role, sure
