"""Lyrics by a small grammar, and the sounds of their syllables."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from yue.demo.styles import Style

_TEMPLATES = {
    "verse": (
        "I {verb} through the {adjective} {noun}",
        "you {verb} in the {noun} again",
        "we {verb} when the {noun} is {adjective}",
        "there is a light in the {adjective} {noun}",
        "and all of the {noun}s {verb} with me",
    ),
    "chorus": (
        "oh {adjective} {noun}, {verb} with me",
        "take me to the {adjective} {noun}",
        "we {verb}, oh we {verb} tonight",
        "hold on to the {adjective} {noun}",
    ),
    "bridge": (
        "and if I {verb}, let it be slow",
        "no {noun} can keep us from the {noun}",
    ),
}
_LONGEST_LINE = 11  # syllables that can be sung in two bars

_VOWELS = {
    "a": "a", "ai": "e", "ay": "e", "e": "e", "ea": "i", "ee": "i", "i": "i", "ie": "i", "o": "o",
    "oa": "o", "oo": "u", "ou": "u", "u": "u", "y": "i", "ia": "a", "ue": "u", "au": "o",
}  # fmt: skip
_SOUND = re.compile(r"([^aeiouy]*)([aeiouy]+)([^aeiouy]*$)?")


@dataclass(frozen=True)
class Syllable:
    """The sound of a syllable.

    Attributes:
        onset: The consonant letter it starts with, or "".
        vowel: One of a, e, i, o, u.
    """

    onset: str
    vowel: str


def syllables_of(line: str) -> list[Syllable]:
    """Split a line into syllables by spelling: one a group of vowels, silent e left out."""
    found = []
    for word in re.findall(r"[a-z]+", line.lower()):
        spelled = re.sub(r"(?<=[aeiouy][^aeiouy])es?$", "", word) if len(word) > 3 else word
        for match in _SOUND.finditer(spelled):
            onset, vowels = match.group(1), match.group(2)
            vowel = _VOWELS.get(vowels) or _VOWELS[vowels[0]]
            found.append(Syllable(onset[-1:], vowel))
    return found


def write_line(label: str, style: Style, rng: np.random.Generator) -> str:
    """Write one line for a section of a song in this style."""
    while True:
        template = _TEMPLATES[label][rng.integers(len(_TEMPLATES[label]))]
        line = re.sub(r"\{(\w+)\}", lambda m: _word(style, m.group(1), rng), template)
        if len(syllables_of(line)) <= _LONGEST_LINE:
            return line


def _word(style: Style, kind: str, rng: np.random.Generator) -> str:
    words: tuple[str, ...] = getattr(style.words, f"{kind}s")
    return words[rng.integers(len(words))]
