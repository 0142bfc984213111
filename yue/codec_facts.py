"""The table of built-in codecs: what holds for each, whatever weights a folder has.

The recipe's rules, the vocabulary and the codecs themselves read these numbers here, and none of
them imports another for it. What stands elsewhere: ids and separators in
:mod:`yue.tokens.vocabulary`, weights and licences in each codec's own module in ``yue/codecs``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

YUE_ROWS = 83_968
"""Embedding rows of the released YuE models (83,738 ids, padded); melrvq's ids begin here."""


@dataclass(frozen=True)
class CodecFacts:
    """A codec as recipes and token files know it.

    Attributes:
        sample_rate: Of its audio, in hertz, mono.
        hop: Samples of a frame.
        sizes: Codes of each codebook that the vocabulary has ids for; a model may have more.
        align: The codec encodes so many frames as one: sections are cut at multiples of it.
    """

    sample_rate: int
    hop: int
    sizes: tuple[int, ...]
    align: int = 1

    @property
    def codebooks(self) -> int:
        """Number of codebooks."""
        return len(self.sizes)

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second, exact."""
        return Fraction(self.sample_rate, self.hop)


BUILT_IN = {
    "xcodec": CodecFacts(16_000, 320, (1024,) * 12),
    "dac16k": CodecFacts(16_000, 320, (1024,) * 4),
    "dac44k": CodecFacts(44_100, 512, (1024,) * 9),
    # A patch of its encoder covers 16 mel frames of 10 ms in 8 bands: 8 positions.
    "semanticodec": CodecFacts(16_000, 320, (16_384, 8192), align=8),
    "melrvq": CodecFacts(16_000, 320, (1024,) * 8),
}
"""By name. No codec of another package is here: its own code would have to run to tell."""
