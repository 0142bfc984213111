"""One song while it is generated: what it has said, what the cache has yet to read, its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from yue.errors import GenerationError
from yue.generation.prompt import Ids, SongPrompt

if TYPE_CHECKING:
    from yue.tokens.vocabulary import CodecRange

NOTHING: Ids = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True)
class SectionLimits:
    """How long a section may be, in codec frames (a frame is one vocal and one instrumental token).

    Attributes:
        min_frames: The end of audio cannot be drawn before.
        max_frames: The section is ended here when its end was not drawn.
        min_song_frames: In the last section, the end cannot be drawn before the song has so many.
    """

    min_frames: int
    max_frames: int
    min_song_frames: int = 0


@dataclass(frozen=True)
class SectionCodes:
    """The codes of one generated section, codebook 0.

    Attributes:
        vocal: (frames,) int16.
        instrumental: (frames,) int16.
        ended: Whether the model ended the section itself, before the limit.
    """

    vocal: NDArray[np.int16]
    instrumental: NDArray[np.int16]
    ended: bool


def check_context(prompts: Sequence[SongPrompt], limits: SectionLimits, context: int) -> None:
    """Every section must fit the context together with the song's head.

    Raises:
        GenerationError: One does not; names the section and the longest that would fit.
    """
    for song, prompt in enumerate(prompts, 1):
        for number, opening in enumerate(prompt.openings, 1):
            text = len(prompt.head) + len(opening.before)
            if text + 2 * limits.max_frames > context:
                raise GenerationError(
                    f"song {song}, section {number}: {text} tokens of text and "
                    f"{2 * limits.max_frames} of audio exceed the model's context of {context}",
                    why="a section must fit together with the song's head; here "
                    f"{max(0, (context - text) // 2)} frames would fit",
                    fix="shorten the lyrics, or lower generate.seconds (--seconds)",
                )


class Song:
    """The state of one song.

    The ids it has said so far are its head and ``history``, one entry for each finished section.
    The song's random numbers come from its own seed, two a frame and as many a section as its
    limit allows, so they depend neither on other songs nor on the model nor on where a section
    ended.

    Args:
        prompt: The song to generate.
        limits: Of each of its sections.
        codec: The codec's place in the vocabulary.
    """

    def __init__(self, prompt: SongPrompt, limits: SectionLimits, codec: CodecRange) -> None:
        self.prompt, self.limits, self._codec = prompt, limits, codec
        self.sections: list[SectionCodes] = []
        self.seen = torch.zeros(codec.codebook_size + 1, dtype=torch.bool)
        self._generator = torch.Generator().manual_seed(prompt.seed)
        self._uniforms = torch.zeros(0, dtype=torch.float64)
        self._history: list[Ids] = []
        self._first_kept = 0
        self._unread: Ids = NOTHING
        self._codes: list[int] = []
        self.singing = False

    def forget(self, section: int, context: int) -> bool:
        """Drop the oldest sections, never the head, until ``section`` fits the context.

        Returns:
            Whether anything was dropped: then a cache that has read it is void.
        """
        if section >= len(self.prompt.openings):
            return False
        need = len(self.prompt.openings[section].before) + 2 * self.limits.max_frames
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
        self._codes = []
        self._uniforms = torch.rand(
            2 * self.limits.max_frames, generator=self._generator, dtype=torch.float64
        )
        return np.concatenate([unread, self.prompt.openings[section].before])

    @property
    def uniform(self) -> float:
        """The random number for the next draw."""
        return float(self._uniforms[len(self._codes)]) if self.singing else 0.0

    @property
    def may_end(self) -> bool:
        """Whether the end of audio may be drawn: after whole frames, and enough of them."""
        frames, rest = divmod(len(self._codes), 2)
        least = self.limits.min_frames
        if len(self.sections) == len(self.prompt.openings) - 1:
            earlier = sum(section.vocal.size for section in self.sections)
            least = max(least, self.limits.min_song_frames - earlier)
        return rest == 0 and frames >= least

    def take(self, drawn: int) -> Ids:
        """Accept what was drawn: a code of codebook 0, or ``codebook_size`` for the end of audio.

        Returns:
            The ids to read next; none when the section is over.
        """
        if not self.singing:
            return NOTHING
        if drawn == self._codec.codebook_size:
            self._finish(NOTHING, ended=True)
            return NOTHING
        self._codes.append(drawn)
        self.seen[drawn] = True
        token = np.array([self._codec.offset + drawn], dtype=np.int32)
        if len(self._codes) == 2 * self.limits.max_frames:
            self._finish(token, ended=False)
            return NOTHING
        return token

    def _finish(self, last: Ids, *, ended: bool) -> None:
        opening = self.prompt.openings[len(self.sections)]
        codes = np.array(self._codes, dtype=np.int16)
        tokens = codes.astype(np.int32) + self._codec.offset
        self.sections.append(SectionCodes(codes[0::2], codes[1::2], ended))
        self._history.append(np.concatenate([opening.before, tokens, opening.after]))
        self._unread = np.concatenate([last, opening.after])
        self.singing = False
