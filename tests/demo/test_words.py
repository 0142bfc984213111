from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.demo.styles import FINE_TUNING_STYLE, PRETRAINING_STYLES
from yue.demo.words import syllables_of, write_line


@pytest.mark.parametrize(
    ("line", "vowels"),
    [
        ("river", "ie"),
        ("we return tonight", "eeuoi"),
        ("endless engine", "eeei"),
        ("take me to the city", "aeoeii"),
        ("", ""),
    ],
)
def test_a_syllable_is_a_group_of_vowels(line: str, vowels: str) -> None:
    assert "".join(syllable.vowel for syllable in syllables_of(line)) == vowels


def test_a_syllable_starts_with_the_consonant_before_its_vowel() -> None:
    assert [syllable.onset for syllable in syllables_of("silver oak")] == ["s", "v", ""]


@given(st.text())
def test_any_text_has_syllables_that_can_be_sung(text: str) -> None:
    for syllable in syllables_of(text):
        assert syllable.vowel in {"a", "e", "i", "o", "u"}
        assert len(syllable.onset) <= 1


@pytest.mark.parametrize("label", ["verse", "chorus", "bridge"])
@pytest.mark.parametrize("style", [FINE_TUNING_STYLE, PRETRAINING_STYLES[0]])
def test_a_line_is_sung_in_two_bars_with_no_word_left_to_fill_in(label: str, style) -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        line = write_line(label, style, rng)
        assert "{" not in line
        assert 4 <= len(syllables_of(line)) <= 11
