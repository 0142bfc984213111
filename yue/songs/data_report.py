"""``data_report.json``: what is in the data, how it is split, and what was left out and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from yue.rejections import Rejections
from yue.songs.build_rows import Built
from yue.songs.duplicates import Duplicates
from yue.songs.song_rows import Row
from yue.songs.song_warnings import Warned
from yue.songs.split import MIN_SONGS, Split, artist_key
from yue.wording import counted, few

_GENRES_SHOWN = 100
_FEW_SECONDS = 600  # under ten minutes of music nothing but the demo is learned


@dataclass(frozen=True)
class Inputs:
    """What the report is made from.

    Attributes:
        built: Rows and what was left out here.
        split: Where each row went.
        duplicates: Songs that are the same recording.
        rejections: What all stages so far left out.
        warnings: About files that describe no song.
    """

    built: Built
    split: Split
    duplicates: tuple[Duplicates, ...]
    rejections: Rejections
    warnings: tuple[Warned, ...]


def all_warnings(inputs: Inputs) -> list[Warned]:
    """About the data as a whole, then about files and songs."""
    return [*_warnings(inputs), *inputs.warnings, *inputs.built.warnings]


def data_report(inputs: Inputs) -> dict[str, Any]:
    """The report as JSON."""
    rows = inputs.built.rows
    home = inputs.split.of()
    return {
        "songs": len(rows),
        "seconds": _seconds(rows),
        "splits": {
            name: _totals(row for row in rows if home[row.id] == name)
            for name in ("train", "valid", "test")
        },
        "genres": _genres(rows),
        "alignment": dict(sorted(Counter(row.alignment for row in rows).items())),
        "sections": _sections(rows),
        "duplicates": [
            {**asdict(group), "split": home[group.songs[0]]} for group in inputs.duplicates
        ],
        "leaks": {
            "duplicates": [
                list(group.songs)
                for group in inputs.duplicates
                if len({home[song] for song in group.songs}) > 1
            ],
            "artists": _artists_apart(rows, home),
        },
        "warnings": [str(warning) for warning in all_warnings(inputs)],
        **inputs.rejections.record(),
    }


def _seconds(rows: Iterable[Row]) -> float:
    return round(sum(row.seconds for row in rows), 3)


def _totals(rows: Iterable[Row]) -> dict[str, Any]:
    held = list(rows)
    return {
        "songs": len(held),
        "seconds": _seconds(held),
        "sections": sum(len(row.sections) for row in held),
        "artists": len({key for row in held if (key := artist_key(row.artist))}),
    }


def _genres(rows: Sequence[Row]) -> dict[str, int]:
    """The most frequent tags; text without commas is split at spaces."""
    count: Counter[str] = Counter()
    for row in rows:
        tags = row.genres.split(",") if "," in row.genres else row.genres.split()
        count.update({tag.strip().casefold() for tag in tags if tag.strip()})
    ordered = sorted(count.items(), key=lambda item: (-item[1], item[0]))
    return dict(ordered[:_GENRES_SHOWN])


def _sections(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
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


def _artists_apart(rows: Sequence[Row], home: Mapping[str, str]) -> dict[str, list[str]]:
    """Artists with songs both in train and held out, and the splits they are in."""
    places: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if key := artist_key(row.artist):
            places[key].add(home[row.id])
    return {
        artist: sorted(names)
        for artist, names in sorted(places.items())
        if "train" in names and len(names) > 1
    }


def _warnings(inputs: Inputs) -> list[Warned]:
    """About the data as a whole."""
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
            Warned(
                f"no held-out songs: {why}; nothing shows whether the adapter learned more than "
                "these songs"
            )
        )
    found += [
        Warned("artist in train and held out: too few others to keep the two apart", artist)
        for artist in _artists_apart(rows, split.of())
    ]
    found += [
        Warned("copies of one recording, kept in one split", f"({few(group.songs)})")
        for group in inputs.duplicates
    ]
    if blank := [row.id for row in rows if not row.genres]:
        of = f"{len(blank)} of {counted(len(rows), 'song')}"
        found.append(Warned(f"no genres in {of}, so the prompt says nothing: {few(blank)}"))
    if _seconds(rows) < _FEW_SECONDS:
        found.append(
            Warned(
                f"only {_seconds(rows):.0f} seconds of music: of less than {_FEW_SECONDS} an "
                "adapter learns little, or the songs by heart"
            )
        )
    return found
