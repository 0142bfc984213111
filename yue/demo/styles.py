"""Styles of music as data: scale, tempo, patterns, timbres, singer and words.

A pitched pattern has one character for each sixteenth of a bar: ``c`` the whole chord, ``0``-``3``
a chord tone from the root up, ``-`` holds the note before, ``.`` is a rest. A drum pattern has
``x`` for a hit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SAMPLE_RATE = 16_000
FRAME = 320
"""Samples of a frame of the codec, 20 ms. A beat falls on a frame, so that equal bars sound equal
to the codec too."""

EVERYWHERE = ("intro", "verse", "chorus", "bridge", "outro")
SUNG = ("verse", "chorus", "bridge")
LOUD = ("chorus", "bridge")

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)


@dataclass(frozen=True)
class Timbre:
    """A plucked or sustained tone made of harmonics.

    Attributes:
        harmonics: Amplitude of each, from the fundamental.
        attack: Seconds to full level.
        decay: Seconds in which the fundamental falls by 60 dB.
        damping: How much faster each higher harmonic falls.
    """

    harmonics: tuple[float, ...]
    attack: float
    decay: float
    damping: float


GUITAR = Timbre((1.0, 0.6, 0.45, 0.3, 0.2, 0.14, 0.1, 0.07), 0.004, 1.6, 0.5)
PIANO = Timbre((1.0, 0.5, 0.25, 0.2, 0.12, 0.08, 0.05), 0.006, 2.5, 0.3)
ORGAN = Timbre((1.0, 0.7, 0.4, 0.35, 0.0, 0.2, 0.0, 0.15), 0.03, 12.0, 0.0)
PAD = Timbre((1.0, 0.45, 0.3, 0.15, 0.08), 0.12, 9.0, 0.05)
BELL = Timbre((1.0, 0.0, 0.5, 0.0, 0.35, 0.0, 0.0, 0.2), 0.002, 1.8, 0.25)
SAW = Timbre(tuple(1 / k for k in range(1, 15)), 0.008, 5.0, 0.05)
BASS = Timbre((1.0, 0.5, 0.25, 0.12, 0.06), 0.008, 3.0, 0.4)
SYNTH_BASS = Timbre(tuple(1 / k for k in range(1, 12)), 0.004, 1.0, 0.3)


@dataclass(frozen=True)
class Part:
    """One instrument.

    Attributes:
        timbre: Its tone.
        patterns: What it plays in a bar; a song chooses one.
        octave: Octaves above the chord's root near middle C.
        level: Peak of one note.
        sections: The labels in which it plays.
    """

    timbre: Timbre
    patterns: tuple[str, ...]
    octave: int
    level: float
    sections: tuple[str, ...] = EVERYWHERE


@dataclass(frozen=True)
class Drum:
    """One drum: ``kick``, ``snare``, ``clap`` or ``hat``, as :class:`Part`."""

    kind: str
    pattern: str
    level: float
    sections: tuple[str, ...] = SUNG


@dataclass(frozen=True)
class Singer:
    """A voice.

    Attributes:
        words: What the genres say of it.
        low: Lowest note, a MIDI number; the range is an octave and a half.
        tract: Formant frequencies relative to a male voice.
        vibrato: Depth in semitones.
        glide: Seconds from one note to the next.
        breath: Level of noise in the vowels.
    """

    words: str
    low: int
    tract: float
    vibrato: float
    glide: float
    breath: float


FEMALE = Singer("female airy vocal", 59, 1.17, 0.30, 0.05, 0.10)
MALE = Singer("male warm vocal", 48, 1.0, 0.22, 0.06, 0.05)
ROBOT = Singer("female robotic vocal", 62, 1.28, 0.0, 0.012, 0.02)


@dataclass(frozen=True)
class Words:
    """What lyrics are about."""

    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    verbs: tuple[str, ...]


@dataclass(frozen=True)
class Style:
    """Everything songs of one style share.

    Attributes:
        genres: Words for the genres, without the singer's.
        scale: Semitones above the tonic.
        tonics: MIDI numbers to choose the key from.
        step_frames: Lengths of a sixteenth to choose the tempo from, in frames.
        progressions: A chord for each bar, as degrees of the scale.
        parts: The instruments.
        drums: The drums.
        singers: The voices to choose from.
        words: Of its lyrics.
    """

    genres: str
    scale: tuple[int, ...]
    tonics: tuple[int, ...]
    step_frames: tuple[int, ...]
    progressions: tuple[tuple[int, ...], ...]
    parts: tuple[Part, ...]
    drums: tuple[Drum, ...]
    singers: tuple[Singer, ...]
    words: Words


_DAY = Words(
    adjectives=("golden", "open", "gentle", "morning", "summer", "silver", "quiet", "easy"),
    nouns=("river", "valley", "garden", "ocean", "mountain", "meadow", "harbour", "window"),
    verbs=("wander", "follow", "remember", "carry", "believe", "whisper", "welcome", "discover"),
)
_KEYS = (57, 60, 62, 64, 55)

FOLK = Style(
    genres="folk acoustic guitar gentle bright",
    scale=MAJOR,
    tonics=_KEYS,
    step_frames=(7, 8),
    progressions=((0, 4, 5, 3), (0, 3, 0, 4)),
    parts=(
        Part(GUITAR, ("0.1.2.3.2.1.2.1.", "0.2.1.2.3.2.1.2."), 0, 0.20),
        Part(PAD, ("c---------------",), 0, 0.05, LOUD),
        Part(BASS, ("0-------0---2---", "0---2---0-------"), -2, 0.30, SUNG),
    ),
    drums=(
        Drum("kick", "x.......x.x.....", 0.45, LOUD),
        Drum("snare", "....x.......x...", 0.22, LOUD),
        Drum("hat", "..x...x...x...x.", 0.08),
    ),
    singers=(FEMALE, MALE),
    words=_DAY,
)
BALLAD = Style(
    genres="ballad piano romantic slow",
    scale=MAJOR,
    tonics=_KEYS,
    step_frames=(8,),
    progressions=((0, 5, 3, 4), (5, 3, 0, 4)),
    parts=(
        Part(PIANO, ("c-------c-------", "c---c---c---c---"), 0, 0.14),
        Part(BELL, ("2...3...2...1...", "3...2...1...2..."), 1, 0.07, LOUD),
        Part(BASS, ("0-------0-------", "0-----------2---"), -2, 0.28, SUNG),
    ),
    drums=(
        Drum("kick", "x...............", 0.40, SUNG),
        Drum("snare", "........x.......", 0.18, SUNG),
    ),
    singers=(FEMALE, MALE),
    words=_DAY,
)
POP = Style(
    genres="pop electronic uplifting bright",
    scale=MAJOR,
    tonics=_KEYS,
    step_frames=(6, 7),
    progressions=((0, 4, 5, 3), (5, 3, 0, 4)),
    parts=(
        Part(SAW, ("..c-..c-..c-..c-", "c--c--c-c--c--c-"), 0, 0.09),
        Part(SYNTH_BASS, ("0-..0-..0-..0-2-", "0-0-..0-0-0-..2-"), -2, 0.26, SUNG),
        Part(BELL, ("3.2.1.2.3.2.1.2.", "1.2.3.2.1.2.3.2."), 1, 0.06, LOUD),
    ),
    drums=(
        Drum("kick", "x...x...x...x...", 0.50),
        Drum("clap", "....x.......x...", 0.20, LOUD),
        Drum("hat", "..x...x...x...x.", 0.10),
    ),
    singers=(FEMALE, MALE),
    words=_DAY,
)
SOUL = Style(
    genres="soul organ warm groovy",
    scale=MAJOR,
    tonics=_KEYS,
    step_frames=(7,),
    progressions=((0, 1, 3, 4), (0, 5, 1, 4)),
    parts=(
        Part(ORGAN, ("c-----c-....c---", "c---..c-c-----.."), 0, 0.08),
        Part(BASS, ("0--0..2-0--0..1-", "0-..0-2-0-..3-2-"), -2, 0.32, SUNG),
    ),
    drums=(
        Drum("kick", "x..x......x.....", 0.45),
        Drum("snare", "....x.......x...", 0.24),
        Drum("hat", "x.x.x.x.x.x.x.x.", 0.08),
    ),
    singers=(MALE, FEMALE),
    words=_DAY,
)

_TIMBRES = (GUITAR, PIANO, ORGAN, PAD, BELL, SAW)
_BASSES = (BASS, SYNTH_BASS)
_VARIATIONS = 7  # of each: many voices, so that the codec carries more than it was fitted to


def vary(style: Style, rng: np.random.Generator) -> Style:
    """Vary a style: another singer, other instruments and keys, and drums of its own."""
    singer = Singer(
        words=("female bright vocal", "male deep vocal")[rng.integers(2)],
        low=int(rng.integers(46, 65)),
        tract=float(rng.uniform(0.9, 1.35)),
        vibrato=float(rng.choice((0.0, 0.2, 0.35))),
        glide=float(rng.choice((0.01, 0.05))),
        breath=float(rng.uniform(0.0, 0.12)),
    )
    return replace(
        style,
        scale=(MAJOR, MINOR)[rng.integers(2)],
        tonics=tuple(range(52, 64)),
        parts=tuple(_vary_part(part, rng) for part in style.parts),
        drums=tuple(_vary_drum(drum, rng) for drum in style.drums),
        singers=(singer,),
    )


def _vary_part(part: Part, rng: np.random.Generator) -> Part:
    if part.octave < 0:
        return replace(part, timbre=_BASSES[rng.integers(len(_BASSES))])
    timbre = _TIMBRES[rng.integers(len(_TIMBRES))]
    return replace(part, timbre=timbre, octave=int(rng.integers(2)))


def _vary_drum(drum: Drum, rng: np.random.Generator) -> Drum:
    added = rng.random(len(drum.pattern)) < 0.1
    pattern = "".join("x" if more else hit for hit, more in zip(drum.pattern, added, strict=True))
    return replace(drum, pattern=pattern, level=drum.level * float(rng.uniform(0.4, 1.2)))


def _pretraining_styles() -> tuple[Style, ...]:
    plain = (FOLK, BALLAD, POP, SOUL)
    rng = np.random.default_rng(0)
    return plain + tuple(vary(style, rng) for _ in range(_VARIATIONS) for style in plain)


PRETRAINING_STYLES = _pretraining_styles()
"""What the base model is pretrained on: four styles and variations, 94 to 125 beats a minute."""

FINE_TUNING_STYLE = Style(
    genres="synthwave electronic dark driving nocturnal",
    scale=MINOR,
    tonics=(52, 54, 55, 57, 59),
    step_frames=(5,),
    progressions=((0, 5, 2, 6), (0, 3, 5, 4), (0, 2, 6, 3)),
    parts=(
        Part(SYNTH_BASS, ("0-0-0-0-3-0-0-2-", "0-0-3-0-0-0-3-0-", "0-0-0-2-0-0-2-3-"), -2, 0.30),
        Part(SAW, ("c-------c---c---", "c---c-------c---", "c-----c-----c---"), 0, 0.07, SUNG),
        Part(
            BELL,
            ("0-2-3-2-0-2-3-1-", "3-2-1-0-3-2-1-2-", "1-3-2-3-1-3-2-0-"),
            1,
            0.09,
            ("intro", "chorus", "outro"),
        ),
    ),
    drums=(
        Drum("kick", "x.....x...x.....", 0.50),
        Drum("snare", "....x.......x...", 0.30, SUNG),
        Drum("hat", "x.x.x.x.x.x.x.x.", 0.09),
    ),
    singers=(ROBOT,),
    words=Words(
        adjectives=("neon", "electric", "midnight", "burning", "broken", "crystal", "endless"),
        nouns=("city", "highway", "engine", "signal", "shadow", "satellite", "mirror", "machine"),
        verbs=("surrender", "escape", "accelerate", "collide", "disappear", "ignite", "return"),
    ),
)
"""What the demo fine-tunes on: minor keys, 150 beats a minute, another groove, a robot's voice."""
