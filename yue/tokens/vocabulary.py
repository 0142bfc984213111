"""The token vocabulary of YuE v1 ("mm v0.2"), and the range this project adds above it.

The table is data: sizes in order. Every offset is a cumulative sum of it, and a test compares them
with the published ranges (YuE v1, mm tokenizer v0.2). Text pieces come from a SentencePiece model;
every other id comes from here, by number, never from text. Shapes of codecs come from
:mod:`yue.codec_facts`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate

from yue.codec_facts import BUILT_IN, YUE_ROWS
from yue.errors import CodecError

TEXT_SIZE = 32_000
"""Ids 0..31999 are text pieces."""

SPECIALS = (
    "EOD", "SOA", "EOA", "SOI", "EOI", "SOV", "EOV", "s_local", "e_local", "s_global", "e_global",
    "semantic", "acoustic", "stage_1", "dac_16k", "dac_44k", "xcodec", "stage_2", "semantic_mert",
    "semantic_hubert", "visual", "semanticodec",
)  # fmt: skip
"""Special tokens in the order of their ids, from 32000 up. Their pieces are written ``<EOD>``."""

SPECIAL_ID = {name: TEXT_SIZE + place for place, name in enumerate(SPECIALS)}
EOD = SPECIAL_ID["EOD"]
SOA = SPECIAL_ID["SOA"]
EOA = SPECIAL_ID["EOA"]
STAGE_1 = SPECIAL_ID["stage_1"]
STAGE_2 = SPECIAL_ID["stage_2"]

# The codebooks that the released tokenizer has pieces for, in the order of their ids, right above
# the specials. semanticodec's two are named by themselves, since documents may carry one alone.
_SEMANTIC, _ACOUSTIC = BUILT_IN["semanticodec"].sizes
_CODEBOOKS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("dac16k", BUILT_IN["dac16k"].sizes),
    ("dac44k", BUILT_IN["dac44k"].sizes),
    ("xcodec", BUILT_IN["xcodec"].sizes),
    ("mert", (1024,)),
    ("hubert", (512,)),
    ("semantic_s", (_SEMANTIC,)),
    ("semantic_a", (_ACOUSTIC,)),
)
_ENDS = tuple(
    accumulate((sum(sizes) for _, sizes in _CODEBOOKS), initial=TEXT_SIZE + len(SPECIALS))
)
_OFFSETS = {name: _ENDS[place] for place, (name, _) in enumerate(_CODEBOOKS)}
_SIZES = dict(_CODEBOOKS)

PIECES = _ENDS[-1]
"""Pieces of the mm SentencePiece model (83,734)."""

WRAPPER_SPECIALS = ("CLS", "SEP", "MASK", "PAD")
"""Ids that upstream's training tokenizer appends to the model's pieces."""

WRAPPER_ID = {name: PIECES + place for place, name in enumerate(WRAPPER_SPECIALS)}

MELRVQ_SEPARATOR = YUE_ROWS + sum(BUILT_IN["melrvq"].sizes)
"""Id of ``<melrvq>``; the codec's own codes lie between the released models' rows and this id."""

ROW_MULTIPLE = 128
ROWS = -(-(MELRVQ_SEPARATOR + 1) // ROW_MULTIPLE) * ROW_MULTIPLE
"""Embedding rows of a model with this project's additions (92,288)."""


@dataclass(frozen=True)
class CodecRange:
    """The ids of one codec's codes.

    Attributes:
        name: The codec.
        offset: Id of code 0 of codebook 0.
        sizes: Codes of each codebook; codebook k+1 starts where codebook k ends.
        separators: Ids between ``<SOA>`` and the codes.
        frame_rate: Frames a second, or None where the vocabulary does not fix one.
        stage1_codebooks: Codebooks that documents of stage 1 carry where nothing else is asked
            for: one where a second stage adds the others, else all.
        stage2_codebooks: The same of stage 2.
        align: The codec encodes so many frames as one: sections are cut at multiples of it.
    """

    name: str
    offset: int
    sizes: tuple[int, ...]
    separators: tuple[int, ...]
    frame_rate: Fraction | None
    stage1_codebooks: int = 1
    stage2_codebooks: int = 1
    align: int = 1

    @property
    def codebooks(self) -> int:
        """Number of codebooks."""
        return len(self.sizes)

    @property
    def codebook_size(self) -> int:
        """Codes of codebook 0, the one that stage 1 models."""
        return self.sizes[0]

    @property
    def offsets(self) -> tuple[int, ...]:
        """Id of code 0 of each codebook."""
        return tuple(accumulate(self.sizes[:-1], initial=self.offset))

    @property
    def end(self) -> int:
        """One past the last id."""
        return self.offset + sum(self.sizes)

    def first(self, codebooks: int) -> CodecRange:
        """Return the ids of the first so many codebooks alone."""
        return replace(self, sizes=self.sizes[:codebooks])

    @property
    def rate_text(self) -> str | None:
        """The frame rate as it is written to files, ``"50/1"``."""
        rate = self.frame_rate
        return None if rate is None else f"{rate.numerator}/{rate.denominator}"

    @property
    def rows(self) -> int:
        """Embedding rows that a model needs for this codec."""
        return ROWS if self.end > YUE_ROWS else YUE_ROWS


def _built_in(
    name: str,
    offset: int,
    *separators: int,
    stage1: int | None = None,
    stage2: int | None = None,
) -> CodecRange:
    """Return the ids of a codec; documents of a stage carry all codebooks where none is said."""
    facts = BUILT_IN[name]
    books = (stage1 or facts.codebooks, stage2 or facts.codebooks)
    return CodecRange(
        name, offset, facts.sizes, separators, facts.frame_rate, *books, align=facts.align
    )


def _without_rate(name: str, separator: str) -> CodecRange:
    """Return the ids of a codec of other programs, whose rate the vocabulary does not fix."""
    return CodecRange(name, _OFFSETS[name], _SIZES[name], (SPECIAL_ID[separator],), None)


def _codebook_alone(name: str, separator: str) -> CodecRange:
    """Return the ids of one codebook of semanticodec by itself."""
    both, ids = BUILT_IN["semanticodec"], (SPECIAL_ID["semanticodec"], SPECIAL_ID[separator])
    return CodecRange(name, _OFFSETS[name], _SIZES[name], ids, both.frame_rate, align=both.align)


_RANGES = {
    entry.name: entry
    for entry in (
        _built_in("dac16k", _OFFSETS["dac16k"], SPECIAL_ID["dac_16k"]),
        _built_in("dac44k", _OFFSETS["dac44k"], SPECIAL_ID["dac_44k"]),
        # YuE's stage 1 models codebook 0 of xcodec, its stage 2 adds codebooks 1 to 7.
        _built_in("xcodec", _OFFSETS["xcodec"], SPECIAL_ID["xcodec"], stage1=1, stage2=8),
        _without_rate("mert", "semantic_mert"),
        _without_rate("hubert", "semantic_hubert"),
        _codebook_alone("semantic_s", "semantic"),
        _codebook_alone("semantic_a", "acoustic"),
        _built_in("semanticodec", _OFFSETS["semantic_s"], SPECIAL_ID["semanticodec"]),
        _built_in("melrvq", YUE_ROWS, MELRVQ_SEPARATOR, stage1=1),
    )
}

CODECS = tuple(_RANGES)
"""Names that :func:`codec_range` knows."""


def codec_range(name: str) -> CodecRange:
    """Return the ids of a codec's codes.

    Raises:
        CodecError: The vocabulary has no such codec.
    """
    try:
        return _RANGES[name]
    except KeyError:
        raise CodecError(
            f"codec '{name}' has no ids in the vocabulary", fix=f"choose one of {', '.join(CODECS)}"
        ) from None


def token_name(token: int) -> str:
    """Return a name of an id that is no text: ``<SOA>``, ``<xcodec/0/17>``, ``<id 90000>``."""
    if TEXT_SIZE <= token < TEXT_SIZE + len(SPECIALS):
        return f"<{SPECIALS[token - TEXT_SIZE]}>"
    if token == MELRVQ_SEPARATOR:
        return "<melrvq>"
    if PIECES <= token < PIECES + len(WRAPPER_SPECIALS):
        return f"<{WRAPPER_SPECIALS[token - PIECES]}>"
    for entry in _RANGES.values():
        for book, (offset, size) in enumerate(zip(entry.offsets, entry.sizes, strict=True)):
            if offset <= token < offset + size:
                return f"<{entry.name}/{book}/{token - offset}>"
    return f"<id {token}>"
