"""What every codec is to the rest of the program, and the checks that all of them share.

A codec of another package subclasses :class:`Codec` too (docs/architecture.md, "Adding a codec").
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from yue.codecs.card import CodecCard, Span, spans
from yue.errors import CodecError
from yue.tokens.vocabulary import CodecRange, codec_range

Audio = NDArray[np.float32]
Codes = NDArray[np.int16]

_LOUDEST = 100.0  # 40 dB over full scale


class Codec(ABC):
    """Mono audio to codes and back.

    Subclasses do the work for audio that is a whole number of frames (``_encode``, ``_decode``);
    checks, padding, windows and batches of equal length are here, once.

    Args:
        card: What the codec is.

    Attributes:
        device: Where it runs, as torch names devices.
        batch_seconds: Audio that is best encoded in one call; 0: a song at a time, on as many
            threads as there are.
        align: Frames that it encodes as one: codes are whole multiples of so many.
    """

    device: str = "cpu"
    batch_seconds: float = 0.0
    align: int = 1

    def __init__(self, card: CodecCard) -> None:
        self.card = card

    @property
    def name(self) -> str:
        """Its own name, which a codec of another package does not have in the vocabulary."""
        return self.card.title

    @property
    def sample_rate(self) -> int:
        """Samples a second of the audio, in and out."""
        return self.card.sample_rate

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second, exact."""
        return self.card.frame_rate

    @property
    def codebooks(self) -> int:
        """K, how many codebooks are kept."""
        return len(self.card.codebook_sizes)

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Codes of each codebook."""
        return self.card.codebook_sizes

    @property
    def dtype(self) -> str:
        """What it computes in."""
        return self.card.dtype

    @property
    def vocabulary(self) -> CodecRange:
        """Its ids in token documents."""
        return codec_range(self.card.name)

    @property
    def digest(self) -> str:
        """Of the weights and of the way they are used: equal digests, equal codes."""
        return self.card.digest

    def encode(self, audio: Audio) -> Codes:
        """Encode tracks of equal length; a last part of a frame is filled with silence.

        A row's codes do not depend on the other rows.

        Args:
            audio: (B, N) float32 mono at ``sample_rate``.

        Returns:
            (B, K, T) int16, T = ceil(N / hop).

        Raises:
            CodecError: No samples, or samples that are not finite.
        """
        if audio.ndim != 2 or audio.size == 0:
            raise _empty_audio(audio)
        return np.stack(self.encode_tracks(list(audio)))

    def encode_tracks(self, tracks: Sequence[Audio]) -> list[Codes]:
        """Encode tracks of any lengths; pieces that are equally long go through the codec together.

        Nothing is ever filled up to a common length, so a track's codes do not depend on the
        others.

        Args:
            tracks: (N,) float32 mono at ``sample_rate`` each.

        Returns:
            (K, T) int16 of each, T = ceil(N / hop), rounded up to a multiple of ``align``.

        Raises:
            CodecError: A track is empty, or has samples that are not finite.
        """
        hop = self.card.hop
        pieces: dict[int, list[tuple[int, Span]]] = defaultdict(list)
        results = []
        for number, track in enumerate(tracks):
            check_audio(track)
            frames = -(-len(track) // hop)
            results.append(np.empty((self.codebooks, frames), np.int16))
            for span in spans(frames, self.card.window):
                pieces[span.stop - span.start].append((number, span))
        for length, found in pieces.items():
            audio = np.stack([_cut_piece(tracks[number], span, hop) for number, span in found])
            codes = self._encode(audio)
            expected = (len(found), self.codebooks, length)
            if codes.shape != expected:
                raise CodecError(f"{self.name} gave codes of shape {codes.shape}, not {expected}")
            for (number, span), encoded in zip(found, self._check_codes(codes), strict=True):
                kept = encoded[:, span.first - span.start : span.end - span.start]
                results[number][:, span.first : span.end] = kept
        return results

    def ready_to_decode(self, codebooks: int) -> None:  # noqa: B027 (most need nothing)
        """Load what only decoding needs, before any long work whose codes are to be decoded.

        Args:
            codebooks: How many of the first codebooks there will be.

        Raises:
            CodecError: They could not be decoded.
        """

    def decode(self, codes: NDArray[np.integer]) -> Audio:
        """Decode one track from its first k <= K codebooks.

        Args:
            codes: (k, T) integers.

        Returns:
            (T * hop,) float32 at ``sample_rate``.

        Raises:
            CodecError: Codes of another shape or range than this codec's.
        """
        if codes.ndim != 2 or not 1 <= len(codes) <= self.codebooks:
            raise CodecError(
                f"codes of shape {codes.shape} are not {self.name}'s",
                why=f"it decodes (k, frames) with k from 1 to {self.codebooks}",
            )
        if codes.shape[1] == 0:
            return np.zeros(0, np.float32)
        return self._decode(self._check_codes(codes).astype(np.int64))

    def _check_codes(self, codes: NDArray[np.integer]) -> NDArray[np.integer]:
        """Return codes (..., k, T) as they are.

        Raises:
            CodecError: One is out of its codebook's range.
        """
        for book in range(codes.shape[-2]):
            rows, size = codes[..., book, :], self.codebook_sizes[book]
            low, high = int(rows.min(initial=0)), int(rows.max(initial=0))
            if low < 0 or high >= size:
                raise CodecError(
                    f"code {low if low < 0 else high} in codebook {book} is not {self.name}'s",
                    why=f"its codes are 0 to {size - 1}",
                )
        return codes

    @abstractmethod
    def _encode(self, audio: Audio) -> NDArray[np.integer]:
        """(B, T * hop) to (B, K, T)."""

    @abstractmethod
    def _decode(self, codes: NDArray[np.int64]) -> Audio:
        """(k, T) to (T * hop,)."""


def check_audio(track: Audio) -> None:
    """Refuse what no codec can encode.

    Raises:
        CodecError: No samples, or samples that are not finite, or far over full scale.
    """
    if track.ndim != 1 or track.size == 0:
        raise _empty_audio(track)
    peak = max(track.max(), -track.min())
    if not np.isfinite(peak):
        raise CodecError(
            "the audio has samples that are not finite numbers",
            fix="convert the song again from its source file",
        )
    if peak > _LOUDEST:
        raise CodecError(
            f"the audio has samples of {peak:g}, and full scale is 1",
            why="they look like whole numbers that were never scaled",
            fix="divide them by their full scale (32768 for 16 bits), or use `yue convert`",
        )


def _empty_audio(audio: Audio) -> CodecError:
    return CodecError(
        f"audio of shape {audio.shape} has nothing to encode",
        why="a codec takes tracks of samples, mono",
        fix="remove the song, or convert it again from its source file",
    )


def _cut_piece(track: Audio, span: Span, hop: int) -> Audio:
    """Return a piece of a track; what the track lacks of its last frame is silence."""
    piece = track[span.start * hop : span.stop * hop].astype(np.float32, copy=False)
    return np.pad(piece, (0, (span.stop - span.start) * hop - len(piece)))
