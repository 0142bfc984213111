"""One song while it is generated, and the ids that its next code is drawn from.

A frame of the layouts that songs are generated in is ``v:k0 i:k0 v:k1 i:k1 ...``: the place of an
id says its track and its codebook, so only the ids of that codebook are allowed there. Every other
id (text, control ids, other codecs, other codebooks) is blocked by never having a logit.
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

Codes = NDArray[np.int16]

TRACKS = ("vocal", "instrumental")
"""They take turns within a frame."""

_NOTHING: Ids = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True)
class Alphabet:
    """The ids that can be drawn, numbered from 0.

    Attributes:
        codec: The ids of the K codebooks that documents carry.
        sizes: How many codes the codec has of each; it may have fewer than the vocabulary.
    """

    codec: CodecRange
    sizes: tuple[int, ...]

    @property
    def width(self) -> int:
        """Ids of a frame."""
        return len(TRACKS) * self.codec.codebooks

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
        """Return the indices that may follow ``place`` ids of a section, end of audio included."""
        book = place % self.width // len(TRACKS)
        start = int(self._starts[book])
        return slice(start, start + self.sizes[book] + (1 if book == 0 else 0))

    def codes(self, drawn: Sequence[int]) -> NDArray[np.int16]:
        """Turn indices of whole frames into codes, int16, shape (lanes, K, frames)."""
        frames = np.array(drawn, dtype=np.int64).reshape(-1, self.codec.codebooks, len(TRACKS))
        return (frames - self._starts[:, np.newaxis]).transpose(2, 1, 0).astype(np.int16)


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


class GeneratedSong:
    """A song as it is generated, section by section.

    The song's random numbers come from its own seed, one for each id that a section's limit allows,
    so they depend neither on other songs nor on the model nor on where a section ended.

    Args:
        prompt: The song to generate.
        limits: Of each of its sections.
        alphabet: What can be drawn.

    Attributes:
        sections: What there is of it.
        seen: Which indices of the alphabet it has had, (n,) bool; the prompt's reference counts.
        active: Whether a section has begun and not ended.
    """

    def __init__(self, prompt: SongPrompt, limits: SectionLimits, alphabet: Alphabet) -> None:
        self.prompt, self._limits, self._alphabet = prompt, limits, alphabet
        self.sections: list[SectionCodes] = []
        self.seen = torch.from_numpy(np.isin(alphabet.ids, prompt.head))
        self.active = False
        self._generator = torch.Generator().manual_seed(prompt.seed)
        self._uniforms = torch.zeros(0, dtype=torch.float64)
        self._history: list[Ids] = []  # one stretch of ids for each finished section
        self._first_kept = 0
        self._unread: Ids = _NOTHING
        self._drawn: list[int] = []

    @property
    def tokens(self) -> Ids:
        """Prompt and codes, int32, (N,): the training document but for its ``<EOD>``."""
        return np.concatenate([self.prompt.head, *self._history])

    @property
    def codes(self) -> dict[str, Codes]:
        """(K, frames) int16 of the whole song, by track."""
        return {
            track: np.concatenate([getattr(section, track) for section in self.sections], axis=1)
            for track in TRACKS
        }

    def forget(self, section: int, context: int) -> bool:
        """Drop the oldest sections, never the head, until ``section`` fits the context.

        Returns:
            Whether anything was dropped: then a cache that has read it is void.
        """
        if section >= len(self.prompt.sections):
            return False
        audio = self._alphabet.width * self._limits.max_frames
        need = len(self.prompt.sections[section].before) + audio
        before = self._first_kept
        while self._first_kept < len(self._history) and len(self._kept_ids()) + need > context:
            self._first_kept += 1
        return self._first_kept > before

    def _kept_ids(self) -> Ids:
        return np.concatenate([self.prompt.head, *self._history[self._first_kept :]])

    def start(self, section: int, *, from_head: bool) -> Ids:
        """Begin a section.

        Args:
            section: Its number, from 0; a number past the last lets the song rest.
            from_head: Whether the cache is empty and must read everything that is kept.

        Returns:
            The ids to read before the first code is drawn.
        """
        self.active = section < len(self.prompt.sections)
        if not self.active:
            return _NOTHING
        unread = self._kept_ids() if from_head else self._unread
        self._drawn = []
        self._uniforms = torch.rand(
            self._alphabet.width * self._limits.max_frames,
            generator=self._generator,
            dtype=torch.float64,
        )
        return np.concatenate([unread, self.prompt.sections[section].before])

    @property
    def uniform(self) -> float:
        """The random number for the next draw."""
        return float(self._uniforms[len(self._drawn)]) if self.active else 0.0

    @property
    def may_end(self) -> bool:
        """Whether the end of audio may be drawn: where the codec can be cut, and not too early."""
        frames, rest = divmod(len(self._drawn), self._alphabet.width)
        least = self._limits.min_frames
        if len(self.sections) == len(self.prompt.sections) - 1:
            earlier = sum(section.frames for section in self.sections)
            least = max(least, self._limits.min_song_frames - earlier)
        return rest == 0 and frames % self._alphabet.codec.align == 0 and frames >= least

    def take(self, drawn: int) -> Ids:
        """Accept what was drawn: an index into the alphabet.

        Returns:
            The ids to read next; none when the section is over.
        """
        if not self.active:
            return _NOTHING
        if drawn == self._alphabet.end:
            self._end_section(_NOTHING, ended=True)
            return _NOTHING
        self._drawn.append(drawn)
        self.seen[drawn] = True
        token = self._alphabet.ids[drawn : drawn + 1].astype(np.int32)
        if len(self._drawn) == self._alphabet.width * self._limits.max_frames:
            self._end_section(token, ended=False)
            return _NOTHING
        return token

    def _end_section(self, last: Ids, *, ended: bool) -> None:
        prompt = self.prompt.sections[len(self.sections)]
        vocal, instrumental = self._alphabet.codes(self._drawn)
        tokens = self._alphabet.ids[self._drawn].astype(np.int32)
        self.sections.append(SectionCodes(vocal, instrumental, ended))
        self._history.append(np.concatenate([prompt.before, tokens, prompt.after]))
        self._unread = np.concatenate([last, prompt.after])
        self.active = False


def check_context(
    prompts: Sequence[SongPrompt], limits: SectionLimits, width: int, context: int
) -> None:
    """Check that every section fits the context together with the song's head.

    Args:
        prompts: The songs.
        limits: Of each of their sections.
        width: Ids of a frame.
        context: The model's, in ids.

    Raises:
        GenerationError: One does not; names the song, the section and the longest that would fit.
    """
    for prompt in prompts:
        for number, section in enumerate(prompt.sections, 1):
            given = len(prompt.head) + len(section.before)
            if given + width * limits.max_frames > context:
                raise GenerationError(
                    f"song '{prompt.song_id}', section {number} {section.label}: {given} tokens of "
                    f"prompt and {width * limits.max_frames} of audio exceed the model's "
                    f"context of {context}",
                    why="a section must fit together with the song's head; here "
                    f"{max(0, (context - given) // width)} frames would fit",
                    fix="shorten the lyrics or the audio prompt, or lower generate.seconds "
                    "(--seconds)",
                )
