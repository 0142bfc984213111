"""One song while it is generated, and the ids its next code is drawn from.

The ids that the codes of a section are drawn from, place by place in a frame.

A frame of the layouts that are sung is ``v:k0 i:k0 v:k1 i:k1 ...``: the place of an id says its
track and its codebook, so only the ids of that codebook are allowed there. Every other id (text,
control ids, other codecs, other codebooks) is blocked by never having a logit.

One song while it is generated: what it has said, what the cache has yet to read, its limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from yue.errors import GenerationError
from yue.generation.prompt import Ids, SongPrompt
from yue.tokens.vocabulary import EOA, CodecRange

LANES = 2
"""Tracks that take turns: vocal, instrumental."""


@dataclass(frozen=True)
class Alphabet:
    """What can be drawn.

    Attributes:
        codec: The ids of the K codebooks that documents carry.
        sizes: How many codes the codec has of each; it may have fewer than the vocabulary.
    """

    codec: CodecRange
    sizes: tuple[int, ...]

    @property
    def width(self) -> int:
        """Ids of a frame."""
        return LANES * self.codec.codebooks

    @property
    def end(self) -> int:
        """Index of the end of audio, right after the codes of codebook 0."""
        return self.sizes[0]

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """All ids, (n,): those of codebook 0, the end of audio, those of codebook 1 ..."""
        first, *others = (
            np.arange(offset, offset + size)
            for offset, size in zip(self.codec.offsets, self.sizes, strict=True)
        )
        return np.concatenate([first, [EOA], *others]).astype(np.int64)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Index of code 0 of each codebook."""
        return np.cumsum([0, self.sizes[0] + 1, *self.sizes[1:-1]])[: len(self.sizes)]

    def span(self, place: int) -> slice:
        """The indices that may follow ``place`` ids of a section (the end of audio among them)."""
        book = place % self.width // LANES
        start = int(self._starts[book])
        return slice(start, start + self.sizes[book] + (1 if book == 0 else 0))

    def codes(self, drawn: Sequence[int]) -> NDArray[np.int16]:
        """Indices of whole frames as codes, int16, shape (lanes, K, frames)."""
        frames = np.array(drawn, dtype=np.int64).reshape(-1, self.codec.codebooks, LANES)
        return (frames - self._starts[:, np.newaxis]).transpose(2, 1, 0).astype(np.int16)

    def met(self, ids: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which of the ids that can be drawn are among ``ids``, (n,)."""
        return np.isin(self.ids, ids)


NOTHING: Ids = np.zeros(0, dtype=np.int32)

Codes = NDArray[np.int16]


@dataclass(frozen=True)
class SectionLimits:
    """How long a section may be, in codec frames.

    Attributes:
        min_frames: The end of audio cannot be drawn before.
        max_frames: The section is ended here when its end was not drawn.
        min_song_frames: In the last section, the end cannot be drawn before the song has so many.
    """

    min_frames: int
    max_frames: int
    min_song_frames: int = 0


@dataclass(frozen=True, eq=False)
class SectionCodes:
    """The codes of one generated section, of the K codebooks that documents carry.

    Attributes:
        vocal: (K, frames) int16.
        instrumental: (K, frames) int16.
        ended: Whether the model ended the section itself, before the limit.
    """

    vocal: Codes
    instrumental: Codes
    ended: bool

    @property
    def frames(self) -> int:
        """Its length."""
        return int(self.vocal.shape[1])


@dataclass(frozen=True, eq=False)
class SungSong:
    """A generated song.

    Attributes:
        sections: Its sections, in order.
        tokens: Everything that was said, prompt and codes, int32, shape (N,): the document that
            training would make of the song, but for the ``<EOD>`` at its end.
    """

    sections: tuple[SectionCodes, ...]
    tokens: Ids

    @property
    def vocal(self) -> Codes:
        """(K, frames) int16 of the whole song."""
        return np.concatenate([section.vocal for section in self.sections], axis=1)

    @property
    def instrumental(self) -> Codes:
        """(K, frames) int16 of the whole song."""
        return np.concatenate([section.instrumental for section in self.sections], axis=1)


def check_context(
    prompts: Sequence[SongPrompt], limits: SectionLimits, width: int, context: int
) -> None:
    """Every section must fit the context together with the song's head.

    Args:
        prompts: The songs.
        limits: Of each of their sections.
        width: Ids of a frame.
        context: The model's, in ids.

    Raises:
        GenerationError: One does not; names the song, the section and the longest that would fit.
    """
    for prompt in prompts:
        for number, opening in enumerate(prompt.openings, 1):
            given = len(prompt.head) + len(opening.before)
            if given + width * limits.max_frames > context:
                raise GenerationError(
                    f"song '{prompt.song_id}', section {number} {opening.label}: {given} tokens of "
                    f"prompt and {width * limits.max_frames} of audio exceed the model's "
                    f"context of {context}",
                    why="a section must fit together with the song's head; here "
                    f"{max(0, (context - given) // width)} frames would fit",
                    fix="shorten the lyrics or the audio prompt, or lower generate.seconds "
                    "(--seconds)",
                )


class Song:
    """The state of one song.

    The ids it has said so far are its head and one stretch for each finished section. The song's
    random numbers come from its own seed, one for each id that a section's limit allows, so they
    depend neither on other songs nor on the model nor on where a section ended.

    Args:
        prompt: The song to generate.
        limits: Of each of its sections.
        alphabet: What can be drawn.
    """

    def __init__(self, prompt: SongPrompt, limits: SectionLimits, alphabet: Alphabet) -> None:
        self.prompt, self.limits, self._alphabet = prompt, limits, alphabet
        self._sections: list[SectionCodes] = []
        self.seen = torch.from_numpy(alphabet.met(prompt.head))  # of a reference, if there is one
        self._generator = torch.Generator().manual_seed(prompt.seed)
        self._uniforms = torch.zeros(0, dtype=torch.float64)
        self._history: list[Ids] = []
        self._first_kept = 0
        self._unread: Ids = NOTHING
        self._drawn: list[int] = []
        self.singing = False

    @property
    def sung(self) -> SungSong:
        """What there is of it."""
        tokens = np.concatenate([self.prompt.head, *self._history])
        return SungSong(tuple(self._sections), tokens)

    def forget(self, section: int, context: int) -> bool:
        """Drop the oldest sections, never the head, until ``section`` fits the context.

        Returns:
            Whether anything was dropped: then a cache that has read it is void.
        """
        if section >= len(self.prompt.openings):
            return False
        audio = self._alphabet.width * self.limits.max_frames
        need = len(self.prompt.openings[section].before) + audio
        before = self._first_kept
        while self._first_kept < len(self._history) and len(self._kept()) + need > context:
            self._first_kept += 1
        return self._first_kept > before

    def _kept(self) -> Ids:
        return np.concatenate([self.prompt.head, *self._history[self._first_kept :]])

    def start(self, section: int, *, from_head: bool) -> Ids:
        """Begin a section.

        Args:
            section: Its number, from 0; a number past the last lets the song rest.
            from_head: Whether the cache is empty and must read everything that is kept.

        Returns:
            The ids to read before the first code is drawn.
        """
        self.singing = section < len(self.prompt.openings)
        if not self.singing:
            return NOTHING
        unread = self._kept() if from_head else self._unread
        self._drawn = []
        self._uniforms = torch.rand(
            self._alphabet.width * self.limits.max_frames,
            generator=self._generator,
            dtype=torch.float64,
        )
        return np.concatenate([unread, self.prompt.openings[section].before])

    @property
    def uniform(self) -> float:
        """The random number for the next draw."""
        return float(self._uniforms[len(self._drawn)]) if self.singing else 0.0

    @property
    def may_end(self) -> bool:
        """Whether the end of audio may be drawn: where the codec can be cut, and not too early."""
        frames, rest = divmod(len(self._drawn), self._alphabet.width)
        least = self.limits.min_frames
        if len(self._sections) == len(self.prompt.openings) - 1:
            earlier = sum(section.frames for section in self._sections)
            least = max(least, self.limits.min_song_frames - earlier)
        return rest == 0 and frames % self._alphabet.codec.align == 0 and frames >= least

    def take(self, drawn: int) -> Ids:
        """Accept what was drawn: an index into the alphabet.

        Returns:
            The ids to read next; none when the section is over.
        """
        if not self.singing:
            return NOTHING
        if drawn == self._alphabet.end:
            self._finish(NOTHING, ended=True)
            return NOTHING
        self._drawn.append(drawn)
        self.seen[drawn] = True
        token = self._alphabet.ids[drawn : drawn + 1].astype(np.int32)
        if len(self._drawn) == self._alphabet.width * self.limits.max_frames:
            self._finish(token, ended=False)
            return NOTHING
        return token

    def _finish(self, last: Ids, *, ended: bool) -> None:
        opening = self.prompt.openings[len(self._sections)]
        vocal, instrumental = self._alphabet.codes(self._drawn)
        tokens = self._alphabet.ids[self._drawn].astype(np.int32)
        self._sections.append(SectionCodes(vocal, instrumental, ended))
        self._history.append(np.concatenate([opening.before, tokens, opening.after]))
        self._unread = np.concatenate([last, opening.after])
        self.singing = False
