"""How rows become documents: everything that a recipe says about it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from yue.errors import UsageError
from yue.tokens.layouts.table import LAYOUTS, Layout
from yue.tokens.vocabulary import CodecRange

COMPAT = ("strict", "upstream")
AUDIO_PROMPTS = ("dual", "inst", "vocal", "mixture")
ORDERS = ("textfirst", "audiofirst")
TRACKS = ("mixture", "vocal", "instrumental")

_CHOICES = {
    "layout": tuple(LAYOUTS),
    "compat": COMPAT,
    "audio_prompt": AUDIO_PROMPTS,
    "order": ORDERS,
    "track": TRACKS,
}


@dataclass(frozen=True)
class Options:
    """What is written, and how.

    Attributes:
        layout: A name in :data:`~yue.tokens.layouts.table.LAYOUTS`.
        compat: ``strict``, or ``upstream`` to lose what YuE's own scripts lose.
        codebooks: Codebooks of each track that documents carry; None takes the codec's own
            number (``CodecRange.stage1_codebooks`` or ``stage2_codebooks``).
        audio_prompt: icl: what the reference audio is made of.
        prompt_seconds: icl: length of the reference audio; None draws lengths around 30 s, as YuE
            was trained.
        track: mix, stage2: the track whose codes are written.
        order: mix: what comes first in a section.
        teacher_forcing: stage2: repeat codebook 0 before the codes of each frame, as YuE's
            inference does.
        instruction_dropout: interleave, mix: share of the sections without the instruction.
        seed: Of everything that is drawn. A song's draws depend on the seed and its id alone.
        specials_in_text: Turn strings such as ``<EOD>`` in lyrics into control ids, as upstream's
            training does (``compat: upstream`` implies it).

    Raises:
        UsageError: A value that is none of the choices, or a number out of range.
    """

    layout: str = "cot"
    compat: str = "strict"
    codebooks: int | None = None
    audio_prompt: str = "dual"
    prompt_seconds: float | None = None
    track: str = "mixture"
    order: str = "textfirst"
    teacher_forcing: bool = False
    instruction_dropout: float = 0.0
    seed: int = 0
    specials_in_text: bool = False

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise UsageError(
                    f"unknown {name} '{getattr(self, name)}'",
                    fix=f"choose one of {', '.join(allowed)}",
                )
        if not 0 <= self.instruction_dropout <= 1:
            raise UsageError(
                f"instruction_dropout {self.instruction_dropout:g}", fix="give a share from 0 to 1"
            )
        if self.prompt_seconds is not None and not self.prompt_seconds > 0:
            raise UsageError(f"prompt_seconds {self.prompt_seconds:g}", fix="give more than 0")

    @classmethod
    def of(cls, values: Any) -> Self:
        """Take options from what has these attributes, such as a recipe's section ``tokens``."""
        return cls(**{field.name: getattr(values, field.name) for field in fields(cls)})

    @property
    def strict(self) -> bool:
        """Whether nothing is lost on purpose."""
        return self.compat == "strict"

    @property
    def layout_facts(self) -> Layout:
        """What is so of every document of the layout."""
        return LAYOUTS[self.layout]

    @property
    def lanes(self) -> int:
        """Tracks that take turns in a section's codes: vocal and instrumental, or one alone."""
        return self.layout_facts.lanes

    @property
    def tracks(self) -> tuple[str, ...]:
        """The tracks whose codes are read; those of a section's codes come first."""
        if self.lanes == 1:
            return (self.track,)
        mixture = self.layout_facts.has_reference and self.audio_prompt == "mixture"
        return ("vocal", "instrumental", *(("mixture",) if mixture else ()))

    @property
    def prompt_lanes(self) -> int:
        """Tracks that take turns in the reference audio."""
        return 2 if self.audio_prompt == "dual" else 1

    def ids(self, codec: CodecRange) -> CodecRange:
        """Return the part of a codec's ids that the documents carry.

        Raises:
            UsageError: The codec has not so many codebooks, or stage 2 would have nothing to add.
        """
        books = own_codebooks(codec, self.layout) if self.codebooks is None else self.codebooks
        least = self.layout_facts.stage  # stage 2 adds codebooks to the first
        if codec.codebooks < least:
            raise UsageError(
                f"layout {self.layout} with codec {codec.name}",
                why="it adds codebooks to the first, and this codec has only one",
                fix="choose another codec, or another layout",
            )
        if not least <= books <= codec.codebooks:
            raise UsageError(
                f"codebooks {books} with layout {self.layout} and codec {codec.name}",
                fix=f"give {least} to {codec.codebooks}",
            )
        return codec.first(books)


def own_codebooks(codec: CodecRange, layout: str) -> int:
    """Return how many codebooks documents of a layout carry where nothing else is asked for."""
    is_stage2 = LAYOUTS[layout].stage == 2
    return codec.stage2_codebooks if is_stage2 else codec.stage1_codebooks
