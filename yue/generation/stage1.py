"""Stage 1: codec tokens of songs, sampled section by section with one cache for all sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from yue.generation.prompt import Ids, SongPrompt
from yue.generation.song_state import Alphabet, GeneratedSong, SectionLimits, check_context
from yue.generation.stream import SlicedHead, Stream, cached_attention
from yue.generation.token_sampling import Sampling, guide, sample

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

Progress = Callable[[int], None]


class Stage1:
    """A model ready to generate: its decoder, and the part of its output layer that is needed.

    Args:
        model: The causal language model; adapter layers that are active now are used.
        alphabet: What can be drawn.
        sampling: How to sample.
    """

    def __init__(self, model: LlamaForCausalLM, alphabet: Alphabet, sampling: Sampling) -> None:
        self._model, self._alphabet, self._sampling = model, alphabet, sampling
        self._has_guidance = any(sampling.guidance(section) != 1.0 for section in (0, 1))
        self._context = int(model.config.max_position_embeddings)
        self._head = SlicedHead(model.lm_head, torch.from_numpy(alphabet.ids).to(model.device))

    def generate(
        self,
        prompts: Sequence[SongPrompt],
        limits: SectionLimits,
        progress: Progress = lambda frames: None,
    ) -> list[GeneratedSong]:
        """Generate all sections of a batch of songs; the songs begin each section together.

        Args:
            prompts: The songs.
            limits: How long their sections may be.
            progress: Called with the number of frames made since the last call.

        Raises:
            GenerationError: A section with its head does not fit the model's context.
        """
        check_context(prompts, limits, self._alphabet.width, self._context)
        songs = [GeneratedSong(prompt, limits, self._alphabet) for prompt in prompts]
        with cached_attention(self._model):
            stream: Stream | None = None
            for section in range(max((len(prompt.sections) for prompt in prompts), default=0)):
                forgot = [song.forget(section, self._context) for song in songs]
                from_head = stream is None or any(forgot)
                if stream is None or from_head:
                    stream = Stream(self._model, self._head, len(songs) * (1 + self._has_guidance))
                chunks = [song.start(section, from_head=from_head) for song in songs]
                guidance = self._sampling.guidance(section)
                self._generate_section(songs, stream, chunks, guidance, progress)
        return songs

    def _generate_section(
        self,
        songs: list[GeneratedSong],
        stream: Stream,
        chunks: list[Ids],
        guidance: float,
        progress: Progress,
    ) -> None:
        """Draw one section of every active song; all are at the same place of it."""
        if self._has_guidance:
            stream.forget(slice(len(songs), None))
        place = 0
        while any(song.active for song in songs):
            span = self._alphabet.span(place)
            drawn = self._draw(songs, self._logits(stream, chunks, span, guidance), span)
            place += 1
            if place % self._alphabet.width == 0:
                progress(sum(song.active for song in songs))
            chunks = [song.take(int(choice)) for song, choice in zip(songs, drawn, strict=True)]

    def _logits(self, stream: Stream, chunks: list[Ids], span: slice, guidance: float) -> Tensor:
        """Return the logits of what may follow the chunks.

        With guidance the stream has a second row for each song, from which a section's prompt is
        withheld, all but its last id, as in YuE's inference. Later chunks are single ids.
        """
        if not self._has_guidance:
            return stream.read(chunks, span)
        both = stream.read([*chunks, *(chunk[-1:] for chunk in chunks)], span)
        prompted, blind = both.chunk(2)
        return prompted if guidance == 1.0 else guide(prompted, blind, guidance)

    def _draw(self, songs: list[GeneratedSong], logits: Tensor, span: slice) -> Tensor:
        """Draw an index into the alphabet for every song."""
        end = self._alphabet.end - span.start  # where the end of audio is, if it is within
        if 0 <= end < logits.shape[1]:
            barred = torch.zeros(logits.shape, dtype=torch.bool)
            barred[:, end] = torch.tensor([not song.may_end for song in songs])
            logits = logits.masked_fill(barred, float("-inf"))
        drawn = sample(
            logits,
            torch.stack([song.seen[span] for song in songs]),
            torch.tensor([song.uniform for song in songs], dtype=torch.float64),
            self._sampling,
        )
        indices: Tensor = drawn + span.start
        return indices
