"""What was left out between the songs folder and the token files, and whether it is too much.

Told apart are:

- A *rejection* (:class:`Rejected`) is something that was left out because it cannot be used: a
  file, a row, a song, a piece or a section of one. It says why, and what to do.
- A rejection is *lost* when no piece of its song is left, else *partly*: the song stays without it.
  Lost songs alone count against ``data.max_rejected_share``.
- A *skipped* song was left out because the recipe says so (``songs.untimed: skip``). It was found,
  and it is not lost.
- A warning (:class:`SongWarning`) leaves nothing out: it is about what was guessed, or is doubtful,
  in songs that stay.

*Found* is what the user gave: every song of the folder, every line of its ``songs.jsonl`` that is
not blank, and every music file, folder or row of metadata that is of no song though it should be
(each such is a song found and lost at once). Stages pass the record on in ``rejected.json`` and
``data_report.json``, so that there is one sum against one number of songs wherever it is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from yue.errors import SongError, YueError
from yue.files import read_json, write_json
from yue.wording import counted, printable

_MAX_ENTRIES = 20  # entries on a terminal, two lines each: one screen; the file beside it has all


@dataclass(frozen=True)
class Rejected:
    """Something that was left out.

    Attributes:
        what: The file, row, song or section, with its place.
        reason: Why.
        fix: What to do about it.
        song_id: The song, or piece of one, where it is known.
    """

    what: str
    reason: str
    fix: str
    song_id: str | None = None


@dataclass(frozen=True)
class SongWarning:
    """What was guessed or is doubtful, of a song that stays.

    Attributes:
        text: A sentence that is the same for all of its kind.
        where: The song, file or line; "" for the data as a whole.
    """

    text: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" if self.where else self.text


def rejection(error: YueError, song_id: str | None) -> Rejected:
    """Return an error about one file, row or song as a rejection, fit for a terminal."""
    what, why, fix = map(printable, (error.what, error.why, error.fix))
    return Rejected(what, why, fix, song_id)


def named_song(entry: Rejected) -> str:
    """Return the song that an entry names; what is of no known song is one of its own."""
    return entry.song_id or entry.what


@dataclass(frozen=True)
class StageRejections:
    """What one stage left out.

    Attributes:
        stage: Its name.
        lost: One entry for each song of which nothing is left.
        partly: Files, pieces and sections of songs that stay, and further entries of lost songs.
        skipped: Songs that the recipe leaves out.
    """

    stage: str
    lost: tuple[Rejected, ...] = ()
    partly: tuple[Rejected, ...] = ()
    skipped: tuple[Rejected, ...] = ()

    def describe(self, whole_list: str) -> str:
        """Return the summary's text: how much, then the first; ``whole_list`` has all of them."""
        counts = [counted(len(self.lost), "song")] if self.lost or not self.partly else []
        if self.partly:
            counts.append(f"{counted(len(self.partly), 'file or part')} of songs that stay")
        if self.skipped:
            counts.append(f"{counted(len(self.skipped), 'song')} skipped as the recipe says")
        entries = (*self.lost, *self.partly, *self.skipped)
        if not entries:
            return "nothing"
        return "\n".join([", ".join(counts), *_entry_lines(entries, f", in {whole_list}")])


@dataclass(frozen=True)
class Rejections:
    """What was found, and what all stages so far left out of it.

    Attributes:
        songs: Songs found in the folder, unusable files and rows of metadata among them.
        rows: Rows found that were made elsewhere (``songs.jsonl``).
        stages: In the order in which they ran.
    """

    songs: int
    rows: int = 0
    stages: tuple[StageRejections, ...] = ()

    @property
    def found(self) -> int:
        """Number of songs that the user gave."""
        return self.songs + self.rows

    @property
    def lost(self) -> int:
        """Number of songs that cannot be used."""
        return sum(len(stage.lost) for stage in self.stages)

    @property
    def skipped(self) -> int:
        """Number of songs that the recipe leaves out."""
        return sum(len(stage.skipped) for stage in self.stages)

    @property
    def share(self) -> float:
        """Lost songs as a share of those found, 0..1."""
        return self.lost / max(1, self.found)

    def at(self, stage: str) -> StageRejections:
        """Return what one stage left out."""
        return next((s for s in self.stages if s.stage == stage), StageRejections(stage))

    def plus(self, stage: StageRejections) -> Rejections:
        """Return these with those of the next stage."""
        return replace(self, stages=(*self.stages, stage))

    def after(
        self,
        stage: str,
        rejected: Iterable[Rejected],
        left: Container[str],
        song_of: Callable[[Rejected], str] = named_song,
        skipped: Iterable[Rejected] = (),
    ) -> Rejections:
        """Return these with those of the next stage, each as lost or partly.

        Args:
            stage: Its name.
            rejected: What it left out.
            left: Songs of which something is left.
            song_of: The song of an entry (not the piece).
            skipped: Songs that the recipe leaves out.
        """
        lost: dict[str, Rejected] = {}
        partly = []
        for entry in rejected:
            song = song_of(entry)
            if song in left or song in lost:
                partly.append(entry)
            else:
                lost[song] = entry
        return self.plus(
            StageRejections(stage, tuple(lost.values()), tuple(partly), tuple(skipped))
        )

    def record(self) -> dict[str, Any]:
        """Return the record as it is written; ``lost`` and ``share`` are for whoever reads it."""
        return {
            "found": {"songs": self.songs, "rows": self.rows},
            "lost": self.lost,
            "share": round(self.share, 6),
            "rejected": [
                {"stage": stage.stage, "lost": is_lost, **asdict(entry)}
                for stage in self.stages
                for is_lost, entries in ((True, stage.lost), (False, stage.partly))
                for entry in entries
            ],
            "skipped": [
                {"stage": stage.stage, **asdict(entry)}
                for stage in self.stages
                for entry in stage.skipped
            ],
        }

    def in_words(self) -> str:
        """Return the sum in words: ``3 of 12 songs cannot be used (convert 1, songs 2)``."""
        parts = ", ".join(f"{one.stage} {len(one.lost)}" for one in self.stages if one.lost)
        text = f"{self.lost:,} of {counted(self.found, 'song')} cannot be used"
        return f"{text} ({parts})" if parts else text


def check_share(
    rejections: Rejections,
    limit: float,
    whole_list: Path | None = None,
    name: str = "data.max_rejected_share",
) -> None:
    """Refuse to go on when more of the songs found are lost than allowed, or none is left.

    Args:
        rejections: Of all stages so far.
        limit: Share of the songs found that may be lost, 0..1.
        whole_list: Where the record is written if it is too much; removed if it is not.
        name: What the limit is called where the user sets it.

    Raises:
        SongError: It is too much; the message has the first songs, those of the last stage first.
    """
    left = rejections.found - rejections.lost - rejections.skipped
    # Divided, not multiplied: 29 / 100 is the double 0.29 and 0.29 * 100 is less than 29.
    if left > 0 and rejections.share <= limit:
        if whole_list is not None:
            whole_list.unlink(missing_ok=True)
        return
    where = ""
    if whole_list is not None:
        write_json(whole_list, rejections.record())
        inside = whole_list.is_relative_to(Path.cwd())
        where = f"; {whole_list.relative_to(Path.cwd()) if inside else whole_list} has all of them"
    entries = [entry for stage in reversed(rejections.stages) for entry in stage.lost]
    if left > 0:
        why = f"that is {_percent(rejections.share)}, and {name} is {_percent(limit)}"
        fix = f"mend or remove them, or raise {name}{where}"
    else:
        why, fix = "no song is left", f"mend them, or add others{where}"
        if rejections.skipped:
            why += f": the recipe skips {counted(rejections.skipped, 'song')}"
            entries += [entry for stage in rejections.stages for entry in stage.skipped]
    raise SongError("\n".join([rejections.in_words(), *_entry_lines(entries)]), why=why, fix=fix)


def write_rejections(path: Path, rejections: Rejections) -> None:
    """Write a ``rejected.json``."""
    write_json(path, rejections.record())


def read_rejections(path: Path, stage: str) -> Rejections:
    """Read the record of a ``rejected.json`` or of ``data_report.json``.

    Args:
        path: The file.
        stage: The stage that writes it, for messages.

    Raises:
        YueError: It is missing, damaged, or of an older version.
    """
    value = read_json(path)
    try:
        return _parse_record(value)
    except (KeyError, TypeError, ValueError) as error:
        raise YueError(
            f"{path}: does not say how many songs were found and which were rejected ({error})",
            why="the file is damaged, or an older version wrote it",
            fix=f"run the stage '{stage}' again: dvc repro {stage}",
        ) from error


def _parse_record(value: Any) -> Rejections:
    found = _check_type(_check_type(value, dict, "the file")["found"], dict, "found")
    songs, made_rows = (_check_type(found[key], int, key) for key in ("songs", "rows"))
    stages: dict[str, dict[str, list[Rejected]]] = {}
    for key in ("rejected", "skipped"):
        for item in _check_type(value[key], list, key):
            row = _check_type(item, dict, f"an entry of {key}")
            entry = Rejected(**{f.name: row[f.name] for f in fields(Rejected)})
            for part in (entry.what, entry.reason, entry.fix, entry.song_id or ""):
                _check_type(part, str, "a part of an entry")
            kind = key
            if key == "rejected":
                kind = "lost" if _check_type(row["lost"], bool, "lost") else "partly"
            stage = stages.setdefault(_check_type(row["stage"], str, "stage"), {})
            stage.setdefault(kind, []).append(entry)
    parts = (
        StageRejections(name, **{kind: tuple(entries) for kind, entries in kinds.items()})
        for name, kinds in stages.items()
    )
    rejections = Rejections(songs, made_rows, tuple(parts))
    if min(songs, made_rows) < 0 or rejections.lost + rejections.skipped > rejections.found:
        raise ValueError(f"{rejections.lost} lost of {rejections.found} found")
    return rejections


def _check_type(value: Any, kind: type, name: str) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{name} is {value!r:.40}")
    return value


def _entry_lines(entries: Iterable[Rejected], where: str = "") -> list[str]:
    """Return two lines for each of the first entries, and how many more there are."""
    known = list(entries)
    lines = [
        f"    {printable(entry.what)}: {printable(entry.reason)}\n      fix: {printable(entry.fix)}"
        for entry in known[:_MAX_ENTRIES]
    ]
    if len(known) > _MAX_ENTRIES:
        lines.append(f"    and {len(known) - _MAX_ENTRIES:,} more{where}")
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"
