from __future__ import annotations

import itertools

import numpy as np
import pytest

from yue.demo.compose import BAR, Score, compose
from yue.demo.styles import FINE_TUNING_STYLE, PRETRAINING_STYLES, Style
from yue.demo.words import syllables_of

STYLES = (*PRETRAINING_STYLES, FINE_TUNING_STYLE)


def scores(style: Style) -> list[Score]:
    return [compose(style, np.random.default_rng(seed)) for seed in range(6)]


@pytest.mark.parametrize("style", STYLES)
def test_sections_follow_one_another_without_a_gap(style: Style) -> None:
    for score in scores(style):
        bar = 0
        for section in score.sections:
            assert section.bar == bar
            bar += section.bars
        assert score.steps == BAR * bar
        assert score.frames(score.sections[-1])[1] == score.steps * score.step_frames


@pytest.mark.parametrize("style", STYLES)
def test_every_syllable_is_sung_once_within_its_section(style: Style) -> None:
    for score in scores(style):
        sung = iter(score.melody)
        for section in score.sections:
            for line in section.lines:
                for syllable in syllables_of(line):
                    note = next(sung)
                    assert note.syllable == syllable
                    assert section.bar * BAR <= note.note.start
                    assert note.note.start + note.note.steps <= (section.bar + section.bars) * BAR
        assert next(sung, None) is None


@pytest.mark.parametrize("style", STYLES)
def test_one_voice_sings_one_note_at_a_time(style: Style) -> None:
    for score in scores(style):
        notes = [sung.note for sung in score.melody]
        for before, after in itertools.pairwise(notes):
            assert before.steps > 0
            assert before.start + before.steps <= after.start


@pytest.mark.parametrize("style", STYLES)
def test_melody_and_chords_keep_to_the_scale(style: Style) -> None:
    for score in scores(style):
        pitches = {sung.note.pitch % 12 for sung in score.melody}
        pitches |= {note.pitch % 12 for _, notes in score.parts for note in notes}
        keys = [{(tonic + step) % 12 for step in style.scale} for tonic in style.tonics]
        assert any(pitches <= key for key in keys)


def test_the_melody_stays_in_the_singers_range() -> None:
    for style in STYLES:
        for score in scores(style):
            for sung in score.melody:
                assert 0 <= sung.note.pitch - score.singer.low <= 20


def test_a_chorus_comes_back_with_the_same_words() -> None:
    for score in scores(FINE_TUNING_STYLE):
        lines = [section.lines for section in score.sections if section.label == "chorus"]
        for chorus in lines[1:]:
            shared = min(len(chorus), len(lines[0]))
            assert chorus[:shared] == lines[0][:shared]


def test_equal_seeds_give_equal_songs_and_others_other_songs() -> None:
    again = compose(FINE_TUNING_STYLE, np.random.default_rng(1))
    assert again == compose(FINE_TUNING_STYLE, np.random.default_rng(1))
    assert again != compose(FINE_TUNING_STYLE, np.random.default_rng(2))
