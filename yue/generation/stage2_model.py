"""Stage 2: a model that adds the other codebooks to codebook 0, six seconds at a time.

The ids it reads are a training document's (:mod:`yue.tokens.layouts.stage2`, with teacher
forcing): codebook 0 of all frames, ``<stage_2>``, then frame by frame the given id of codebook 0
and the ids that the model adds. Each of these is the likeliest code of the codebook whose turn it
is; YuE's inference allows the codes of all of them and repairs what comes out in the wrong place.
Chunks of all songs and tracks go through the model together, and nothing is read twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from yue.errors import GenerationError
from yue.generation.stream import SlicedHead, Stream, cached_attention
from yue.tokens.layouts.stage2 import chunk_frames, chunk_start_ids

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

    from yue.tokens.vocabulary import CodecRange

Codes = NDArray[np.int16]
Progress = Callable[[int], None]

# Chunks that go through the model together: bounds the memory of the key/value cache; four make 423
# tokens a core second, one makes 165 (benchmarks/RESULTS.md).
_BATCH = 16


def check_stage2(path: Path, codec: CodecRange, context: int) -> None:
    """Check that a stage-2 model can read its chunks.

    Raises:
        GenerationError: They do not fit its context.
    """
    frames = chunk_frames(codec)
    longest = frames + 3 + frames * codec.codebooks
    if longest > context:
        raise GenerationError(
            f"{path}: its context of {context} tokens is too short for stage 2",
            why=f"a chunk of {frames} frames and {codec.codebooks} codebooks has {longest} tokens",
            fix="give a model of stage 2, such as m-a-p/YuE-s2-1B-general (generate.stage2, "
            "--stage2)",
        )


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some frames of a track: where they belong, and their codes of codebook 0, (T,)."""

    track: int
    start: int
    first: Codes


class Stage2:
    """A model of stage 2, ready to add codebooks.

    Args:
        model: The causal language model.
        codec: The ids of the K codebooks of its documents.
        sizes: How many codes the codec has of each; it may have fewer than the vocabulary.
    """

    def __init__(self, model: LlamaForCausalLM, codec: CodecRange, sizes: Sequence[int]) -> None:
        self._model, self._codec, self._sizes = model, codec, tuple(sizes)
        ids = [
            torch.arange(offset, offset + size)
            for offset, size in zip(codec.offsets[1:], self._sizes[1:], strict=True)
        ]
        self._head = SlicedHead(model.lm_head, torch.cat(ids).to(model.device))
        ends = np.cumsum([0, *self._sizes[1:]]).tolist()
        self._spans = [slice(a, b) for a, b in pairwise(ends)]

    def fill(
        self, tracks: Sequence[Codes], progress: Progress = lambda frames: None
    ) -> list[Codes]:
        """Add codebooks 1 to K-1 to tracks.

        Args:
            tracks: Codes of codebook 0, (T,) each.
            progress: Called with the number of frames made since the last call.

        Returns:
            (K, T) int16 for each track, codebook 0 as it was.
        """
        length = chunk_frames(self._codec)
        chunks = [
            _Chunk(number, start, track[start : start + length])
            for number, track in enumerate(tracks)
            for start in range(0, len(track), length)
        ]
        chunks.sort(key=lambda chunk: -len(chunk.first))  # whole ones together, rests last
        filled = [np.empty((self._codec.codebooks, len(track)), np.int16) for track in tracks]
        for first in range(0, len(chunks), _BATCH):
            batch = chunks[first : first + _BATCH]
            with cached_attention(self._model):
                codes = self._fill([chunk.first for chunk in batch], progress)
            for chunk, found in zip(batch, codes, strict=True):
                frames = slice(chunk.start, chunk.start + len(chunk.first))
                filled[chunk.track][:, frames] = found
        return filled

    def _fill(self, firsts: Sequence[Codes], progress: Progress) -> list[Codes]:
        """Fill one batch, longest chunk first: (T,) to (K, T) each."""
        offsets = self._codec.offsets
        stream = Stream(self._model, self._head, len(firsts))
        found = np.zeros((len(firsts), self._codec.codebooks, len(firsts[0])), np.int16)
        unread = [chunk_start_ids(codes, self._codec) for codes in firsts]
        for frame in range(len(firsts[0])):
            alive = [frame < len(codes) for codes in firsts]
            for row, codes in enumerate(firsts):
                given = codes[frame : frame + 1].astype(np.int32) + offsets[0]
                unread[row] = np.concatenate([unread[row], given]) if alive[row] else given
                found[row, 0, frame : frame + len(given)] = codes[frame : frame + 1]
            for book, span in enumerate(self._spans, 1):
                drawn = stream.read(unread, span).argmax(-1).numpy()
                found[:, book, frame] = drawn
                ids = drawn.astype(np.int32) + offsets[book]
                unread = [ids[row : row + alive[row]] for row in range(len(firsts))]
            progress(sum(alive))
        return [codes[:, : len(first)] for codes, first in zip(found, firsts, strict=True)]
