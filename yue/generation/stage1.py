"""Sampling the codec tokens of songs, section by section, with one cache over all sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from yue.generation.prompt import Ids, SongPrompt
from yue.generation.song_state import Alphabet, SectionLimits, Song, SungSong, check_context
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
        self._context = int(model.config.max_position_embeddings)
        self._head = SlicedHead(model.lm_head, torch.from_numpy(alphabet.ids).to(model.device))

    def generate(
        self,
        prompts: Sequence[SongPrompt],
        limits: SectionLimits,
        progress: Progress = lambda frames: None,
    ) -> list[SungSong]:
        """Generate all sections of a batch of songs; the songs begin each section together.

        Args:
            prompts: The songs.
            limits: How long their sections may be.
            progress: Called with the number of frames made since the last call.

        Raises:
            GenerationError: A section with its head does not fit the model's context.
        """
        check_context(prompts, limits, self._alphabet.width, self._context)
        songs = [Song(prompt, limits, self._alphabet) for prompt in prompts]
        with cached_attention(self._model):
            self._sing_all(songs, progress)
        return [song.sung for song in songs]

    def _sing_all(self, songs: list[Song], progress: Progress) -> None:
        stream: Stream | None = None
        for section in range(max((len(song.prompt.openings) for song in songs), default=0)):
            forgot = [song.forget(section, self._context) for song in songs]
            from_head = stream is None or any(forgot)
            if stream is None or from_head:
                stream = Stream(self._model, self._head, len(songs) * (2 if self._guided else 1))
            chunks = [song.start(section, from_head=from_head) for song in songs]
            self._sing(songs, stream, chunks, self._sampling.guidance(section), progress)

    @property
    def _guided(self) -> bool:
        """Whether any section is."""
        return any(self._sampling.guidance(section) != 1.0 for section in (0, 1))

    def _sing(
        self,
        songs: list[Song],
        stream: Stream,
        chunks: list[Ids],
        guidance: float,
        progress: Progress,
    ) -> None:
        """Draw one section of every song that is singing; they are at the same place of it."""
        if self._guided:
            stream.forget(slice(len(songs), None))
        place = 0
        while any(song.singing for song in songs):
            span = self._alphabet.span(place)
            drawn = self._draw(songs, self._logits(stream, chunks, span, guidance), span)
            place += 1
            if place % self._alphabet.width == 0:
                progress(sum(song.singing for song in songs))
            chunks = [song.take(int(choice)) for song, choice in zip(songs, drawn, strict=True)]

    def _logits(self, stream: Stream, chunks: list[Ids], span: slice, guidance: float) -> Tensor:
        """What may follow the chunks.

        With guidance the stream has a second row for each song, from which a section's prompt is
        withheld, all but its last id, as in YuE's inference. Later chunks are single ids.
        """
        if not self._guided:
            return stream.read(chunks, span)
        both = stream.read([*chunks, *(chunk[-1:] for chunk in chunks)], span)
        prompted, blind = both.chunk(2)
        return prompted if guidance == 1.0 else guide(prompted, blind, guidance)

    def _draw(self, songs: list[Song], logits: Tensor, span: slice) -> Tensor:
        """An index into the alphabet for every song."""
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
