"""Splits: deterministic, stable, by artist, never apart from duplicates."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from yue.songs.split import Split, SplitShares, SplitSong, split_songs

NAMES = st.text("abcdefgh/é ", min_size=1, max_size=6)
SHARES = st.builds(SplitShares, st.floats(0, 0.5), st.floats(0, 0.4), st.integers(0, 9))


def songs(names: list[str], artist: str | None = None) -> list[SplitSong]:
    return [SplitSong(name, name, artist) for name in names]


def everything(split: Split) -> list[str]:
    return sorted([*split.train, *split.valid, *split.test])


@given(st.lists(NAMES, unique=True, max_size=40), SHARES, st.randoms())
def test_every_song_is_in_one_split_in_any_order(names, shares, random) -> None:  # type: ignore[no-untyped-def]
    split = split_songs(songs(names), [], shares)
    assert everything(split) == sorted(names)
    shuffled = list(names)
    random.shuffle(shuffled)
    assert split_songs(songs(shuffled), [], shares) == split
    assert split.train or not names
    assert split.valid or len(names) < 3 or shares.valid == 0


@given(st.lists(NAMES, unique=True, min_size=1, max_size=40), NAMES, SHARES)
def test_an_added_song_moves_no_other_but_the_lowest_of_a_small_corpus(
    names: list[str], new: str, shares: SplitShares
) -> None:
    before = split_songs(songs(names), [], shares).of()
    after = split_songs(songs(sorted({*names, new})), [], shares).of()
    moved = {name for name in names if before[name] != after[name]}
    # The one that was held out (or trained on) only because there must be one.
    assert len(moved) <= 1 + (len(names) < 3)
    if new in names:
        assert not moved


def test_in_a_large_corpus_an_added_song_moves_no_other() -> None:
    names = [f"song {n}" for n in range(500)]
    shares = SplitShares(0.05, 0.05, 1)
    before = split_songs(songs(names), [], shares).of()
    for n in range(30):
        after = split_songs(songs([*names, f"new {n}"]), [], shares).of()
        assert all(after[name] == before[name] for name in names)


def test_the_shares_are_met_on_average() -> None:
    split = split_songs(songs([f"song {n}" for n in range(4000)]), [], SplitShares(0.1, 0.05, 0))
    assert 330 < len(split.valid) < 470
    assert 150 < len(split.test) < 250


def test_the_seed_draws_again() -> None:
    names = [f"song {n}" for n in range(100)]
    splits = [split_songs(songs(names), [], SplitShares(0.1, 0, seed)) for seed in (1, 2)]
    assert splits[0] != splits[1]


def test_artists_are_kept_together_whatever_the_spelling() -> None:
    entries = [
        SplitSong(
            f"{artist}/{n}",
            f"{artist}/{n}",
            f" Artist {artist}".upper() if n else f"artist {artist}",
        )
        for artist in range(50)
        for n in range(4)
    ]
    home = split_songs(entries, [], SplitShares(0.2, 0.2, 0)).of()
    assert Counter(home.values()).keys() == {"train", "valid", "test"}
    for artist in range(50):
        assert len({home[f"{artist}/{n}"] for n in range(4)}) == 1


def test_a_corpus_by_one_artist_still_has_held_out_songs() -> None:
    split = split_songs(songs([f"song {n}" for n in range(20)], "me"), [], SplitShares(0.1, 0, 0))
    assert 0 < len(split.valid) < 10


def test_pieces_of_a_song_stay_together() -> None:
    entries = [SplitSong(f"{s}#{n:03}", s, None) for s in "abcdefghij" for n in range(7)]
    home = split_songs(entries, [], SplitShares(0.3, 0.2, 3)).of()
    for song in "abcdefghij":
        assert len({home[f"{song}#{n:03}"] for n in range(7)}) == 1


@given(
    st.lists(NAMES, unique=True, min_size=2, max_size=30), SHARES, st.data()
)  # fmt: skip
def test_duplicates_are_never_apart(
    names: list[str], shares: SplitShares, data: st.DataObject
) -> None:
    group = st.lists(st.sampled_from(names), unique=True, min_size=2, max_size=4)
    groups = data.draw(st.lists(group, max_size=5))
    home = split_songs(songs(names), groups, shares).of()
    for members in groups:
        assert len({home[name] for name in members}) == 1


def test_one_or_two_songs_are_trained_on() -> None:
    shares = SplitShares(0.1, 0.1, 0)
    assert split_songs(songs(["a"]), [], SplitShares(0.9, 0.1, 0)).train == ("a",)
    assert everything(split_songs(songs(["a", "b"]), [], shares)) == ["a", "b"]


def test_copies_of_one_song_are_trained_on() -> None:
    split = split_songs(songs(["a", "b", "c"]), [["a", "b"], ["b", "c"]], SplitShares(0.1, 0, 0))
    assert split == Split(("a", "b", "c"), (), ())
