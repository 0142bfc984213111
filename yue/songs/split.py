"""Which songs are held out: by song, by artist where known, never apart from their duplicates.

Every song draws a number in [0, 1) from the seed and its unit (its artist, or itself): below
``valid_share`` it is valid, below ``valid_share + test_share`` test, else train. The draw depends
on nothing else, so a song that is added never moves another, with these exceptions:

- duplicates stay together, in the split of the largest of their draws (train before test before
  valid), so adding a copy of a held-out song can move that one to train;
- an artist with more than a tenth of the songs is not kept together, for a corpus by one or few
  artists would have nothing held out or too much; crossing that line changes that artist's draws;
- of three songs or more at least one unit is held out and one is trained on: if no draw is below
  ``valid_share``, the unit with the lowest is valid. In such small corpora a song that draws lower
  takes its place; no other song moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yue.files import bytes_digest

SPLITS = ("train", "valid", "test")

MAX_ARTIST_SHARE = 0.1
"""An artist with more of the songs than this is split by song."""

MIN_SONGS = 3
"""From so many songs on, one is held out."""


@dataclass(frozen=True)
class SplitSong:
    """What of a song decides where it goes.

    Attributes:
        song_id: The song, or a piece of it.
        source: The song that a piece was cut from (the song itself when it is whole).
        artist: Or None.
    """

    song_id: str
    source: str
    artist: str | None


@dataclass(frozen=True)
class SplitShares:
    """How much is held out, and the seed of the draws."""

    valid: float
    test: float
    seed: int


@dataclass(frozen=True)
class Split:
    """Song ids, sorted; each song is in exactly one."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]

    def record(self) -> dict[str, list[str]]:
        """Return the split as it is written to split.json."""
        return {name: list(getattr(self, name)) for name in SPLITS}

    def of(self) -> dict[str, str]:
        """Return the name of each song's split."""
        return {song: name for name in SPLITS for song in getattr(self, name)}


def artist_key(artist: str | None) -> str | None:
    """Return an artist's name as it is compared: case and spaces do not count."""
    return " ".join(artist.casefold().split()) if artist and artist.strip() else None


def split_songs(
    entries: Sequence[SplitSong], duplicates: Sequence[Sequence[str]], shares: SplitShares
) -> Split:
    """Assign every song to a split.

    Args:
        entries: The songs, each once.
        duplicates: Groups of song ids that must stay together.
        shares: How much is held out.
    """
    units = _name_units(entries)
    draws = {unit: _draw(unit, shares.seed) for unit in units.values()}
    groups = _group_units(units, duplicates)
    # A group's draw is its largest, so that one member that is trained on takes all with it.
    drawn = {group: max(draws[units[song]] for song in songs) for group, songs in groups.items()}
    places = {group: _split_at(value, shares) for group, value in drawn.items()}
    sources = {entry.source for entry in entries}
    if shares.valid > 0 and len(sources) >= MIN_SONGS and "valid" not in places.values():
        places[min(drawn, key=lambda group: (drawn[group], group))] = "valid"
    if "train" not in places.values() and places:
        places[max(drawn, key=lambda group: (drawn[group], group))] = "train"
    found: dict[str, list[str]] = {name: [] for name in SPLITS}
    for group, songs in groups.items():
        found[places[group]] += songs
    return Split(*(tuple(sorted(found[name])) for name in SPLITS))


def _name_units(entries: Sequence[SplitSong]) -> dict[str, str]:
    """Return what each song is drawn with: its artist, or the song it was cut from."""
    artists = {entry.source: artist_key(entry.artist) for entry in entries}
    count = Counter(artist for artist in artists.values() if artist)
    limit = MAX_ARTIST_SHARE * len(artists)
    return {
        entry.song_id: f"artist:{artist}"
        if (artist := artists[entry.source]) and count[artist] <= limit
        else f"song:{entry.source}"
        for entry in entries
    }


def _draw(unit: str, seed: int) -> float:
    # 13 hexadecimal digits are 52 bits: exact in a double, so never rounded up to 1.
    return int(bytes_digest(str(seed), unit)[:13], 16) / 16**13


def _split_at(draw: float, shares: SplitShares) -> str:
    if draw < shares.valid:
        return "valid"
    return "test" if draw < shares.valid + shares.test else "train"


def _group_units(
    units: Mapping[str, str], duplicates: Sequence[Sequence[str]]
) -> dict[str, list[str]]:
    """Group songs that stay together (one unit, or duplicates), by the name of their first unit."""
    parent = {unit: unit for unit in units.values()}

    def root(unit: str) -> str:
        while parent[unit] != unit:
            unit = parent[unit]
        return unit

    for group in duplicates:
        for song in group[1:]:
            first, second = sorted((root(units[group[0]]), root(units[song])))
            parent[second] = first
    groups: dict[str, list[str]] = {}
    for song, unit in units.items():
        groups.setdefault(root(unit), []).append(song)
    return groups
