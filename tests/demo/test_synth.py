"""What the songs sound like, by measure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from yue.demo.compose import Note, SungNote, compose
from yue.demo.corpus import DemoSong, render
from yue.demo.styles import FINE_TUNING_STYLE, PIANO, SAMPLE_RATE
from yue.demo.synth import drum, frequency, sing, tone
from yue.demo.words import Syllable


def loudness(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def spectrum(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    window = np.hanning(len(sound))
    return np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE), np.abs(np.fft.rfft(sound * window))


@pytest.mark.parametrize("track", ["vocal", "instrumental"])
def test_tracks_are_neither_silent_nor_clipped(songs: list[DemoSong], track: str) -> None:
    for song in songs:
        sound = getattr(song.tracks, track)
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()
        assert 0.04 < loudness(sound) < 0.2
        assert 0.15 < np.abs(sound).max() < 0.5


def test_the_sum_of_the_tracks_is_not_clipped(songs: list[DemoSong]) -> None:
    for song in songs:
        assert np.abs(song.tracks.vocal + song.tracks.instrumental).max() < 1.0


def test_both_tracks_are_as_long_as_the_score(songs: list[DemoSong]) -> None:
    for song in songs:
        samples = song.score.steps * song.score.step_samples
        assert song.tracks.vocal.shape == song.tracks.instrumental.shape == (samples,)


def test_one_gain_makes_the_louder_track_peak_at_the_recipes_level(songs: list[DemoSong]) -> None:
    for song in songs:
        louder = song.tracks.normalised()
        tracks = np.stack([louder.vocal, louder.instrumental])
        before = np.stack([song.tracks.vocal, song.tracks.instrumental])
        assert np.abs(tracks).max() == pytest.approx(0.95)
        np.testing.assert_allclose(tracks * np.abs(before).max(), 0.95 * before, atol=1e-6)


def test_nobody_sings_in_sections_without_words(songs: list[DemoSong]) -> None:
    frame = songs[0].score.step_samples // songs[0].score.step_frames
    checked = 0
    for song in songs:
        previous_is_sung = False
        for section in song.score.sections:
            start, end = (place * frame for place in song.score.frames(section))
            end -= frame  # the mouth opens a little before the word
            # The room rings on for a while after the last word.
            start += SAMPLE_RATE // 2 if previous_is_sung else 0
            if section.lines:
                assert loudness(song.tracks.vocal[start:end]) > 0.03
            elif end > start:
                assert np.abs(song.tracks.vocal[start:end]).max() < 1e-3
                checked += 1
            previous_is_sung = bool(section.lines)
    assert checked


def test_a_tone_has_its_pitch() -> None:
    hertz, level = spectrum(tone(PIANO, 69, 1.0))
    assert hertz[level.argmax()] == pytest.approx(440, abs=2)
    assert frequency(57) == pytest.approx(220)


@pytest.mark.parametrize("kind", ["kick", "snare", "clap", "hat"])
def test_a_drum_is_a_short_hit(kind: str) -> None:
    sound = drum(kind)
    assert np.abs(sound).max() == pytest.approx(1)
    assert loudness(sound[len(sound) // 2 :]) < 0.2 * loudness(sound[: len(sound) // 2])


def sung(vowel: str, pitch: int) -> np.ndarray:
    """One long vowel, as the robot sings it: without vibrato."""
    score = compose(FINE_TUNING_STYLE, np.random.default_rng(0))
    note = SungNote(Note(0, 8, pitch), Syllable("", vowel))
    samples = 8 * score.step_samples
    return sing(replace(score, melody=(note,)), samples, np.random.default_rng(0))[2000:-2000]


def test_a_vowel_has_the_pitch_of_its_note() -> None:
    hertz, level = spectrum(sung("u", 69))
    assert hertz[level.argmax()] % 440 == pytest.approx(0, abs=4)


def test_vowels_differ_by_their_formants_at_one_pitch() -> None:
    """The second formant of i is far above that of u, whatever the voice."""

    def share_above(sound: np.ndarray) -> float:
        hertz, level = spectrum(sound)
        return float(np.sum(level[hertz > 1800] ** 2) / np.sum(level**2))

    assert share_above(sung("i", 57)) > 5 * share_above(sung("u", 57))


def test_a_hissed_consonant_is_noise_above_the_voice() -> None:
    score = compose(FINE_TUNING_STYLE, np.random.default_rng(0))
    note = SungNote(Note(0, 8, 57), Syllable("s", "a"))
    sound = sing(replace(score, melody=(note,)), 12_000, np.random.default_rng(0))
    hertz, level = spectrum(sound[200:1000])
    assert hertz[level.argmax()] > 3000


def test_equal_seeds_give_equal_samples() -> None:
    score = compose(FINE_TUNING_STYLE, np.random.default_rng(3))
    first, again = (render(score, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first.vocal, again.vocal)
    np.testing.assert_array_equal(first.instrumental, again.instrumental)
