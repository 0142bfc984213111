"""The token vocabulary of YuE v1 ("mm v0.2"), and the range this project adds above it.

The table is data: sizes in order. Every offset is a cumulative sum of it; the published ranges
(YuE v1, mm tokenizer v0.2) are held to it
by a test. Text pieces come from a SentencePiece model; every other id comes from here, by number,
never from text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate

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

# (name, sizes of its codebooks), in the order of their ids, right above the specials.
_CODEBOOKS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("dac16k", (1024,) * 4),
    ("dac44k", (1024,) * 9),
    ("xcodec", (1024,) * 12),
    ("mert", (1024,)),
    ("hubert", (512,)),
    ("semantic_s", (16384,)),
    ("semantic_a", (8192,)),
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

YUE_ROWS = 83_968
"""Embedding rows of the released models (padded)."""

_MELRVQ_SIZES = (1024,) * 8
MELRVQ_SEPARATOR = YUE_ROWS + sum(_MELRVQ_SIZES)
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
        """The ids of the first so many codebooks alone."""
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


def _range(
    name: str,
    separators: tuple[str, ...],
    rate: Fraction | None = None,
    *,
    parts: tuple[str, ...] = (),
    stage1: int | None = None,
    stage2: int | None = None,
    align: int = 1,
) -> CodecRange:
    names = parts or (name,)
    sizes = tuple(size for part in names for size in _SIZES[part])
    ids = tuple(SPECIAL_ID[separator] for separator in separators)
    books = (stage1 or len(sizes), stage2 or len(sizes))
    return CodecRange(name, _OFFSETS[names[0]], sizes, ids, rate, *books, align)


_FIFTY = Fraction(50)
_RANGES = {
    entry.name: entry
    for entry in (
        _range("dac16k", ("dac_16k",), _FIFTY),
        _range("dac44k", ("dac_44k",), Fraction(44_100, 512)),
        # YuE's stage 1 models codebook 0 of xcodec, its stage 2 adds codebooks 1 to 7.
        _range("xcodec", ("xcodec",), _FIFTY, stage1=1, stage2=8),
        _range("mert", ("semantic_mert",)),
        _range("hubert", ("semantic_hubert",)),
        _range("semantic_s", ("semanticodec", "semantic"), _FIFTY, align=8),
        _range("semantic_a", ("semanticodec", "acoustic"), _FIFTY, align=8),
        # A patch of its encoder covers 16 mel frames of 10 ms in 8 bands: 8 positions.
        _range("semanticodec", ("semanticodec",), _FIFTY, parts=("semantic_s", "semantic_a"),
               align=8),
        CodecRange("melrvq", YUE_ROWS, _MELRVQ_SIZES, (MELRVQ_SEPARATOR,), _FIFTY,
                   stage1_codebooks=1, stage2_codebooks=len(_MELRVQ_SIZES)),
    )
}  # fmt: skip

CODECS = tuple(_RANGES)
"""Names that :func:`codec_range` knows."""


def codec_range(name: str) -> CodecRange:
    """The ids of a codec's codes.

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
    """A readable name of an id that is not text: ``<SOA>``, ``<xcodec/0/17>``, ``<id 90000>``."""
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
