"""What the documents of some token files look like, as far as their ids must follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from yue.tokens.options import Options
from yue.tokens.roles import YUE_REFERENCE_MARKER, roles_of
from yue.tokens.vocabulary import STAGE_1, CodecRange


@dataclass(frozen=True)
class Shape:
    """The form of documents.

    Attributes:
        codec: The ids of the codebooks that they carry.
        lanes: Tracks that take turns in a section.
        prompt_lanes: The same of the reference audio.
        stages: Whether the blocks of codes are chunks of stage 2.
        reference_marker: Ids of ``[start_of_reference]`` in the tokenizer that was used.
    """

    codec: CodecRange
    lanes: int = 2
    prompt_lanes: int = 2
    stages: bool = False
    reference_marker: tuple[int, ...] = YUE_REFERENCE_MARKER

    @classmethod
    def of(cls, codec: CodecRange, options: Options, reference_marker: tuple[int, ...]) -> Self:
        """The form that options give.

        Args:
            codec: The ids of the codebooks that documents carry.
            options: How rows became documents.
            reference_marker: Ids of ``[start_of_reference]``.
        """
        stages = options.layout == "stage2"
        return cls(codec, options.lanes, options.prompt_lanes, stages, reference_marker)

    @classmethod
    def guess(cls, codec: CodecRange, tokens: npt.NDArray[np.integer]) -> Self:
        """The form of a document that another program wrote: stage 2, or two tracks."""
        stages = bool((tokens == STAGE_1).any())
        books = codec.stage2_codebooks if stages else codec.stage1_codebooks
        return cls(codec.first(books), 1 if stages else 2, 1, stages)

    @property
    def opening(self) -> tuple[int, ...]:
        """The ids of a block between ``<SOA>`` and the first code."""
        return (STAGE_1,) if self.stages else self.codec.separators

    @property
    def frame(self) -> int:
        """Ids of a frame in a section."""
        return self.lanes * self.codec.codebooks

    def roles(self, tokens: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
        """The role of every token of a document, shape (N,)."""
        marker = self.reference_marker
        return roles_of(tokens, self.codec, lanes=self.lanes, reference_marker=marker)
