"""Scores: form, harmony, melody and accompaniment of a song."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from yue.demo.styles import FRAME, Part, Singer, Style
from yue.demo.words import Syllable, syllables_of, write_line

BAR = 16  # steps
_LINE_BARS = 2
_LINE_SLOTS = _LINE_BARS * BAR // 2  # a line is sung on eighths
_BREATH_SLOTS = 3

_FORMS = (
    (("intro", 2), ("verse", 4), ("chorus", 4), ("outro", 2)),
    (("verse", 4), ("chorus", 4), ("outro", 2)),
    (("intro", 1), ("verse", 4), ("chorus", 4), ("bridge", 2)),
    (("intro", 1), ("verse", 2), ("chorus", 2), ("verse", 4), ("chorus", 2)),
    (("verse", 4), ("chorus", 2), ("bridge", 2), ("chorus", 4), ("outro", 1)),
)


@dataclass(frozen=True)
class Note:
    """A tone: where it starts and how long it is in steps, its MIDI pitch and its peak level."""

    start: int
    steps: int
    pitch: int
    level: float = 1.0


@dataclass(frozen=True)
class SungNote:
    """A note of the melody with its syllable."""

    note: Note
    syllable: Syllable


@dataclass(frozen=True)
class Hit:
    """A hit of a drum."""

    kind: str
    start: int
    level: float


@dataclass(frozen=True)
class ScoreSection:
    """A section of the form; ``bar`` and ``bars`` in bars, ``lines`` its lyrics."""

    label: str
    bar: int
    bars: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """A song on paper.

    Attributes:
        style: Its style.
        singer: Who sings.
        step_frames: Length of a step in frames.
        sections: The form.
        melody: What is sung, in order.
        parts: The instruments with their notes.
        hits: The drums.
    """

    style: Style
    singer: Singer
    step_frames: int
    sections: tuple[ScoreSection, ...]
    melody: tuple[SungNote, ...]
    parts: tuple[tuple[Part, tuple[Note, ...]], ...]
    hits: tuple[Hit, ...]

    @property
    def steps(self) -> int:
        """Length of the song."""
        return BAR * sum(section.bars for section in self.sections)

    @property
    def step_samples(self) -> int:
        """Length of a step in samples."""
        return self.step_frames * FRAME

    def frames(self, section: ScoreSection) -> tuple[int, int]:
        """Return the first frame of a section and the one after its last."""
        bar = BAR * self.step_frames
        return section.bar * bar, (section.bar + section.bars) * bar

    @property
    def genres(self) -> str:
        """What a user would write into the genres file."""
        return f"{self.style.genres} {self.singer.words}"


def compose(style: Style, rng: np.random.Generator) -> Score:
    """Compose a new song in a style."""
    singer = style.singers[rng.integers(len(style.singers))]
    tonic = int(rng.choice(style.tonics))
    chords = _Chords(style, tonic, rng)
    form = _FORMS[rng.integers(len(_FORMS))]
    tunes = {label: _Tune(rng) for label in ("verse", "chorus", "bridge")}
    chorus: tuple[str, ...] = ()
    sections: list[ScoreSection] = []
    melody: list[SungNote] = []
    bar = 0
    for label, bars in form:
        lines = tuple(
            write_line(label, style, rng) for _ in range(bars // _LINE_BARS) if label in tunes
        )
        if label == "chorus":  # comes back with the same words
            lines = (chorus + lines[len(chorus) :])[: len(lines)]
            chorus = max(chorus, lines, key=len)
        section = ScoreSection(label, bar, bars, lines)
        for number, line in enumerate(lines):
            first = bar + number * _LINE_BARS
            melody += tunes[label].sing(line, first, chords, singer, lift=2 * (label == "chorus"))
        sections.append(section)
        bar += bars
    return Score(
        style=style,
        singer=singer,
        step_frames=int(rng.choice(style.step_frames)),
        sections=tuple(sections),
        melody=tuple(melody),
        parts=tuple((part, _accompany(part, sections, chords, rng)) for part in style.parts),
        hits=tuple(_drum(style, sections)),
    )


class _Chords:
    """The harmony: one triad a bar."""

    def __init__(self, style: Style, tonic: int, rng: np.random.Generator) -> None:
        self.scale, self.tonic = style.scale, tonic
        self._progression = style.progressions[rng.integers(len(style.progressions))]

    def pitch(self, degree: int) -> int:
        """Return the MIDI number of a degree of the scale, counted from the tonic."""
        octave, place = divmod(degree, len(self.scale))
        return self.tonic + 12 * octave + self.scale[place]

    def root(self, bar: int) -> int:
        """Return the degree of the chord's root."""
        return self._progression[bar % len(self._progression)]

    def tones(self, bar: int) -> list[int]:
        """Return root, third, fifth and octave as MIDI numbers, near the tonic."""
        root = self.root(bar)
        root -= 7 * (root > 4)
        return [self.pitch(root + above) for above in (0, 2, 4, 7)]


class _Tune:
    """A rhythm and a contour, which all lines of one kind of section share."""

    def __init__(self, rng: np.random.Generator) -> None:
        usable = _LINE_SLOTS - _BREATH_SLOTS
        # Quarters before the eighths between them, so that short lines sit on the beat.
        weight = np.array([1.0 if slot % 2 == 0 else 0.35 for slot in range(1, usable)])
        order = rng.choice(np.arange(1, usable), usable - 1, replace=False, p=weight / weight.sum())
        self._slots = [0, *order.tolist()]
        self._moves = rng.choice([-2, -1, -1, 0, 1, 1, 2], _LINE_SLOTS)
        self._start = int(rng.integers(2, 6))

    def sing(
        self, line: str, bar: int, chords: _Chords, singer: Singer, *, lift: int
    ) -> list[SungNote]:
        """Set one line of lyrics; ``lift`` raises the tune by degrees of the scale."""
        syllables = syllables_of(line)
        slots = sorted(self._slots[: len(syllables)])
        ends = [*slots[1:], min(slots[-1] + 4, _LINE_SLOTS - 1)]
        lowest = self._lowest_degree(chords, singer)
        degree, notes = self._start + lift, []
        for syllable, slot, end in zip(syllables, slots, ends, strict=True):
            degree = int(np.clip(degree + self._moves[slot], 0, 10))
            if slot % 4 == 0 or end == ends[-1]:
                root = chords.root(bar + slot // 8) - lowest
                degree = _nearest_chord_tone(degree, root)
            pitch = chords.pitch(lowest + degree)
            note = Note(BAR * bar + 2 * slot, 2 * min(end - slot, 4), pitch)
            notes.append(SungNote(note, syllable))
        return notes

    def _lowest_degree(self, chords: _Chords, singer: Singer) -> int:
        return next(d for d in range(-21, 21) if chords.pitch(d) >= singer.low)


def _nearest_chord_tone(degree: int, root: int) -> int:
    """Find the degree from 0 up that is in the triad on ``root`` and closest to ``degree``."""
    near = (tone for tone in range(degree + 4) if (tone - root) % 7 in (0, 2, 4))
    return min(near, key=lambda tone: abs(tone - degree))


def _accompany(
    part: Part, sections: list[ScoreSection], chords: _Chords, rng: np.random.Generator
) -> tuple[Note, ...]:
    pattern = part.patterns[rng.integers(len(part.patterns))]
    notes = []
    for section in sections:
        if section.label not in part.sections:
            continue
        for bar in range(section.bar, section.bar + section.bars):
            tones = chords.tones(bar)
            for start, steps, symbol in _events(pattern):
                chosen = tones[:3] if symbol == "c" else [tones[int(symbol)]]
                notes += [
                    Note(BAR * bar + start, steps, tone + 12 * part.octave, part.level)
                    for tone in chosen
                ]
    return tuple(notes)


def _events(pattern: str) -> list[tuple[int, int, str]]:
    """Return (start, steps, symbol) of each note of a pattern."""
    events = []
    for start, symbol in enumerate(pattern):
        if symbol not in "-.":
            held = len(pattern[start + 1 :]) - len(pattern[start + 1 :].lstrip("-"))
            events.append((start, 1 + held, symbol))
    return events


def _drum(style: Style, sections: list[ScoreSection]) -> list[Hit]:
    return [
        Hit(drum.kind, BAR * bar + step, drum.level)
        for drum in style.drums
        for section in sections
        if section.label in drum.sections
        for bar in range(section.bar, section.bar + section.bars)
        for step, symbol in enumerate(drum.pattern)
        if symbol == "x"
    ]
