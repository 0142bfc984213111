"""``data_report.json``: what is in the data, how it is split, and what was left out and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from yue.rejections import Rejections, SongWarning
from yue.songs.build_rows import BuiltRows, TrainingRow
from yue.songs.duplicates import Duplicates
from yue.songs.split import MIN_SONGS, Split, artist_key
from yue.wording import counted, few, printable

_GENRES_SHOWN = 100
_KINDS_SHOWN = 12  # of warnings: with their places, half a screen
_FEW_SECONDS = 600  # under ten minutes of music nothing but the demo is learned


@dataclass(frozen=True)
class ReportInputs:
    """What the report is made from.

    Attributes:
        built: Rows and what was left out here.
        split: Where each row went.
        duplicates: Songs that are the same recording.
        rejections: What all stages so far left out.
        warnings: About files that describe no song.
    """

    built: BuiltRows
    split: Split
    duplicates: tuple[Duplicates, ...]
    rejections: Rejections
    warnings: tuple[SongWarning, ...]


def all_warnings(inputs: ReportInputs) -> list[SongWarning]:
    """Return warnings about the data as a whole, then about files and songs."""
    return [*_data_warnings(inputs), *inputs.warnings, *inputs.built.warnings]


def data_report(inputs: ReportInputs) -> dict[str, Any]:
    """Return the report as JSON."""
    rows = inputs.built.rows
    home = inputs.split.of()
    return {
        "songs": len(rows),
        "seconds": _sum_seconds(rows),
        "splits": {
            name: _sum_up(row for row in rows if home[row.id] == name)
            for name in ("train", "valid", "test")
        },
        "genres": _count_genres(rows),
        "alignment": dict(sorted(Counter(row.alignment for row in rows).items())),
        "sections": _sum_sections(rows),
        "duplicates": [
            {**asdict(group), "split": home[group.songs[0]]} for group in inputs.duplicates
        ],
        "leaks": {
            "duplicates": [
                list(group.songs)
                for group in inputs.duplicates
                if len({home[song] for song in group.songs}) > 1
            ],
            "artists": _find_split_artists(rows, home),
        },
        "warnings": [str(warning) for warning in all_warnings(inputs)],
        **inputs.rejections.record(),
    }


def warning_lines(warnings: Iterable[SongWarning]) -> list[str]:
    """Return a line for each kind of warning, in order, with the first few places of each."""
    places: dict[str, list[str]] = {}
    for warning in warnings:
        known = places.setdefault(warning.text, [])
        if warning.where:
            known.append(printable(warning.where))
    lines = [str(SongWarning(text, few(known))) for text, known in places.items()]
    if (more := len(lines) - _KINDS_SHOWN) > 0:
        lines[_KINDS_SHOWN:] = [f"and {counted(more, 'more kind')} of warning, in data_report.json"]
    return lines


def _sum_seconds(rows: Iterable[TrainingRow]) -> float:
    return round(sum(row.seconds for row in rows), 3)


def _sum_up(rows: Iterable[TrainingRow]) -> dict[str, Any]:
    held = list(rows)
    return {
        "songs": len(held),
        "seconds": _sum_seconds(held),
        "sections": sum(len(row.sections) for row in held),
        "artists": len({key for row in held if (key := artist_key(row.artist))}),
    }


def _count_genres(rows: Sequence[TrainingRow]) -> dict[str, int]:
    """Count the most frequent tags; text without commas is split at spaces."""
    count: Counter[str] = Counter()
    for row in rows:
        tags = row.genres.split(",") if "," in row.genres else row.genres.split()
        count.update({tag.strip().casefold() for tag in tags if tag.strip()})
    ordered = sorted(count.items(), key=lambda item: (-item[1], item[0]))
    return dict(ordered[:_GENRES_SHOWN])


def _sum_sections(rows: Sequence[TrainingRow]) -> dict[str, dict[str, Any]]:
    count: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        for section in row.sections:
            count[section.label] += 1
            seconds[section.label] += float(section.frames / row.rate)
    return {
        label: {"count": count[label], "seconds": round(seconds[label], 3)}
        for label in sorted(count)
    }


def _find_split_artists(
    rows: Sequence[TrainingRow], home: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return artists with songs both in train and held out, and the splits they are in."""
    places: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if key := artist_key(row.artist):
            places[key].add(home[row.id])
    return {
        artist: sorted(names)
        for artist, names in sorted(places.items())
        if "train" in names and len(names) > 1
    }


def _data_warnings(inputs: ReportInputs) -> list[SongWarning]:
    """Return warnings about the data as a whole."""
    rows, split = inputs.built.rows, inputs.split
    found = []
    if not split.valid:
        few_songs = len(set(inputs.built.sources.values())) < MIN_SONGS
        why = (
            f"fewer than {MIN_SONGS} songs"
            if few_songs
            else "songs.valid_share is 0, or all are duplicates"
        )
        found.append(
            SongWarning(
                f"no held-out songs: {why}; nothing shows whether the adapter learned more than "
                "these songs"
            )
        )
    found += [
        SongWarning("artist in train and held out: too few others to keep the two apart", artist)
        for artist in _find_split_artists(rows, split.of())
    ]
    found += [
        SongWarning("copies of one recording, kept in one split", f"({few(group.songs)})")
        for group in inputs.duplicates
    ]
    if blank := [row.id for row in rows if not row.genres]:
        of = f"{len(blank)} of {counted(len(rows), 'song')}"
        found.append(SongWarning(f"no genres in {of}, so the prompt says nothing: {few(blank)}"))
    if _sum_seconds(rows) < _FEW_SECONDS:
        found.append(
            SongWarning(
                f"only {_sum_seconds(rows):.0f} seconds of music: of less than {_FEW_SECONDS} an "
                "adapter learns little, or the songs by heart"
            )
        )
    return found
