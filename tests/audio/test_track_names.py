"""Whole words make a stem; a title that holds such a word stays a title."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.audio.track_names import stem_mark


@pytest.mark.parametrize(
    ("name", "song_id", "role"),
    [
        ("song.Vocals.mp3", "song", "vocal"),
        ("song.Instrumental.mp3", "song", "instrumental"),
        ("pop.00001.Vocals.mp3", "pop.00001", "vocal"),
        ("song_vocals.wav", "song", "vocal"),
        ("Casi No.Vocals.mp3", "Casi No", "vocal"),
        ("song-vox.wav", "song", "vocal"),
        ("song - Vocals.wav", "song", "vocal"),
        ("song (Instrumental).flac", "song", "instrumental"),
        ("song_no_vocals.wav", "song", "instrumental"),
        ("song (No Vocals).wav", "song", "instrumental"),
        ("song accompaniment.wav", "song", "instrumental"),
        ("song_inst.wav", "song", "instrumental"),
        ("song a cappella.wav", "song", "vocal"),
        ("song (Acapella).wav", "song", "vocal"),
        ("1_song_(Vocals)_UVR-MDX.wav", "1_song_UVR-MDX", "vocal"),
        ("song (Vocals) (Remaster).wav", "song (Remaster)", "vocal"),
        ("song [Vocals].wav", "song", "vocal"),
        ("песня.Vocals.mp3", "песня", "vocal"),
        ("album/song.Vocals.mp3", "album/song", "vocal"),
        ("vocals/song.mp3", "song", "vocal"),
        ("Instrumental/disc 1/song.mp3", "disc 1/song", "instrumental"),
        ("album/no_vocals/song.mp3", "album/song", "instrumental"),
        ("vocals/song.Vocals.mp3", "song", "vocal"),
    ],
)
def test_a_name_that_says_its_stem_for_sure(name: str, song_id: str, role: str) -> None:
    mark = stem_mark(PurePosixPath(name))
    assert mark is not None
    assert (mark.song_id, mark.role, mark.sure) == (song_id, role, True)


@pytest.mark.parametrize(
    ("name", "song_id", "role"),
    [
        ("Vocals of Ghana.mp3", "of Ghana", "vocal"),
        ("Vocals - song.mp3", "song", "vocal"),
        ("song (Club Mix).mp3", "song (Club", "mixture"),
        ("song.mixture.wav", "song", "mixture"),
        ("song/vocals.wav", "song", "vocal"),
        ("album/song/instrumental.wav", "album/song", "instrumental"),
        ("vocals.wav", "song", "vocal"),
        ("mixture/song.wav", "song", "mixture"),
    ],
)
def test_a_name_that_may_be_a_stem_or_a_title(name: str, song_id: str, role: str) -> None:
    mark = stem_mark(PurePosixPath(name))
    assert mark is not None
    assert (mark.role, mark.sure) == (role, False)
    assert mark.song_id.startswith(song_id)


@pytest.mark.parametrize(
    "name",
    ["instinct.wav", "Instantly.mp3", "vocalise.mp3", "song_vocals2.wav", "remix.mp3", "Fully.mp3",
     "Institute/song.mp3", "my vocals folder/song.mp3", "Mixed Emotions.mp3", "Revox.wav"],
)  # fmt: skip
def test_a_part_of_a_word_is_no_stem(name: str) -> None:
    assert stem_mark(PurePosixPath(name)) is None


@given(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1))
def test_any_name_can_be_read(name: str) -> None:
    mark = stem_mark(PurePosixPath("folder", name + ".Vocals.wav"))
    assert mark is not None
    assert mark.role == "vocal"
    assert mark.song_id
