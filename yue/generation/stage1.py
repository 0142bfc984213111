"""Sampling the codec tokens of songs, section by section, with one cache over all sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from yue.generation.prompt import Ids, SongPrompt
from yue.generation.sampling import Sampling, guide, sample
from yue.generation.song import SectionCodes, SectionLimits, Song, check_context
from yue.generation.stream import SlicedHead, Stream
from yue.tokens.vocabulary import EOA

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

    from yue.tokens.vocabulary import CodecRange

Progress = Callable[[int], None]


class Stage1:
    """A model ready to generate: its decoder, and the part of its output layer that is needed.

    Args:
        model: The causal language model; adapter layers that are active now are used.
        codec: The codec's place in the vocabulary; its codebook 0 is generated.
        sampling: How to sample.
    """

    def __init__(self, model: LlamaForCausalLM, codec: CodecRange, sampling: Sampling) -> None:
        self._model, self._codec, self._sampling = model, codec, sampling
        model.set_attn_implementation("sdpa")  # packed attention, if it is on, has no cache
        self._context = int(model.config.max_position_embeddings)
        allowed = [*range(codec.offset, codec.offset + codec.codebook_size), EOA]
        self._end = len(allowed) - 1
        self._head = SlicedHead(model.lm_head, torch.tensor(allowed, device=model.device))

    def generate(
        self,
        prompts: Sequence[SongPrompt],
        limits: SectionLimits,
        progress: Progress = lambda frames: None,
    ) -> list[list[SectionCodes]]:
        """Generate all sections of a batch of songs; the songs begin each section together.

        Args:
            prompts: The songs.
            limits: How long their sections may be.
            progress: Called with the number of frames made since the last call.

        Returns:
            The sections of each song.

        Raises:
            GenerationError: A section with its head does not fit the model's context.
        """
        check_context(prompts, limits, self._context)
        songs = [Song(prompt, limits, self._codec) for prompt in prompts]
        stream: Stream | None = None
        for section in range(max((len(prompt.openings) for prompt in prompts), default=0)):
            forgot = [song.forget(section, self._context) for song in songs]
            from_head = stream is None or any(forgot)
            if stream is None or from_head:
                stream = Stream(self._model, self._head, len(songs) * (2 if self._guided else 1))
            chunks = [song.start(section, from_head=from_head) for song in songs]
            self._sing(songs, stream, chunks, progress)
        return [song.sections for song in songs]

    @property
    def _guided(self) -> bool:
        return self._sampling.guidance_scale != 1.0

    def _sing(
        self, songs: list[Song], stream: Stream, chunks: list[Ids], progress: Progress
    ) -> None:
        """Draw one section of every song that is singing."""
        if self._guided:
            stream.forget(slice(len(songs), None))
        position = 0
        while any(song.singing for song in songs):
            drawn = self._draw(songs, self._logits(stream, chunks))
            progress(sum(song.singing for song in songs) * (position % 2))
            chunks = [song.take(int(choice)) for song, choice in zip(songs, drawn, strict=True)]
            position += 1

    def _logits(self, stream: Stream, chunks: list[Ids]) -> Tensor:
        """What may follow the chunks.

        With guidance the stream has a second row for each song, from which a section's prompt is
        withheld, all but its last id, as in YuE's inference. Later chunks are single ids.
        """
        if not self._guided:
            return stream.read(chunks)
        both = stream.read([*chunks, *(chunk[-1:] for chunk in chunks)])
        prompted, blind = both.chunk(2)
        return guide(prompted, blind, self._sampling.guidance_scale)

    def _draw(self, songs: list[Song], logits: Tensor) -> Tensor:
        barred = torch.zeros(logits.shape, dtype=torch.bool)
        barred[:, self._end] = torch.tensor([not song.may_end for song in songs])
        return sample(
            logits.masked_fill(barred, float("-inf")),
            torch.stack([song.seen for song in songs]),
            torch.tensor([song.uniform for song in songs], dtype=torch.float64),
            self._sampling,
        )
