"""``codec.json``, which a folder of codes says its codec by, and the windows that are part of it.

A codec cuts long tracks into pieces of one length, with so much context that every frame has the
code that it would have in the whole track. The cut decides bytes, so the card names it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from yue.codec_facts import BUILT_IN
from yue.errors import CodecError
from yue.files import read_json, write_json


@dataclass(frozen=True)
class Window:
    """How a codec cuts tracks.

    Attributes:
        frames: Of a window; what it gives is kept.
        context: Frames on either side that it reads beside them.
    """

    frames: int
    context: int


@dataclass(frozen=True)
class Span:
    """One piece of a track, in frames: it reads start to stop, and first to end are kept."""

    start: int
    first: int
    end: int
    stop: int


def spans(frames: int, window: Window | None) -> list[Span]:
    """Return pieces whose kept frames cover a track once.

    Pieces of any tracks are ``window.frames + 2 * window.context`` frames long, so that they go
    through a model in one batch: at a track's ends a piece is moved inwards, not filled. A shorter
    track, and any track without a window, is one piece.
    """
    whole = frames if window is None else window.frames + 2 * window.context
    if window is None or frames <= whole:
        return [Span(0, 0, frames, frames)]
    pieces = []
    for first in range(0, frames, window.frames):
        start = min(max(0, first - window.context), frames - whole)
        pieces.append(Span(start, first, min(first + window.frames, frames), start + whole))
    return pieces


@dataclass(frozen=True)
class CodecCard:
    """A codec's identity and shape.

    Attributes:
        name: Its name in the vocabulary: the codec whose ids its codes take.
        digest: Of the weights and of the way they are used.
        sample_rate: Samples a second.
        frame_rate: Frames a second, exact.
        codebook_sizes: Codes of each codebook that is kept.
        window: How it cuts tracks; None: not at all.
        dtype: What it computes in.
        codec: Its own name, where that is another.
    """

    name: str
    digest: str
    sample_rate: int
    frame_rate: Fraction
    codebook_sizes: tuple[int, ...]
    window: Window | None = None
    dtype: str = "float32"
    codec: str = ""

    @property
    def title(self) -> str:
        """Its own name."""
        return self.codec or self.name

    @property
    def codebooks(self) -> int:
        """How many codebooks are kept."""
        return len(self.codebook_sizes)

    @property
    def hop(self) -> int:
        """Samples of a frame."""
        hop = self.sample_rate / self.frame_rate
        if hop.denominator != 1:
            raise ValueError(f"{self.sample_rate} Hz at {self.frame_rate} frames a second")
        return hop.numerator

    def record(self) -> dict[str, Any]:
        """Return the JSON value."""
        rate = self.frame_rate
        values = asdict(self)
        if not self.codec:
            del values["codec"]
        return {
            **values,
            "frame_rate": f"{rate.numerator}/{rate.denominator}",
            "codebooks": self.codebooks,
            "codebook_sizes": list(self.codebook_sizes),
        }

    def write(self, path: Path) -> None:
        """Write codec.json."""
        write_json(path, self.record())

    @classmethod
    def read(cls, path: Path) -> CodecCard:
        """Read codec.json.

        Raises:
            CodecError: It is not one.
        """
        value = read_json(path)
        try:
            return cls(
                name=str(value["name"]),
                digest=str(value["digest"]),
                sample_rate=int(value["sample_rate"]),
                frame_rate=Fraction(value["frame_rate"]),
                codebook_sizes=tuple(int(size) for size in value["codebook_sizes"]),
                window=Window(**value["window"]) if value.get("window") else None,
                dtype=str(value.get("dtype", "float32")),
                codec=str(value.get("codec", "")),
            )
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise CodecError(
                f"{path}: not a codec card ({type(error).__name__}: {error})",
                fix="tokenize again",
            ) from error


def built_in_card(
    name: str, digest: str, codebooks: int | None, window: Window | None = None
) -> CodecCard:
    """Return the card of a codec of :mod:`yue.codec_facts`.

    Args:
        name: Its name there.
        digest: Of its weights and of the way they are used.
        codebooks: How many are kept, from the first; None keeps all that have ids.
        window: How it cuts tracks.

    Raises:
        CodecError: The codec has fewer codebooks.
    """
    facts = BUILT_IN[name]
    sizes = kept_sizes(name, facts.sizes, codebooks)
    return CodecCard(name, digest, facts.sample_rate, facts.frame_rate, sizes, window)


def kept_sizes(name: str, sizes: tuple[int, ...], codebooks: int | None) -> tuple[int, ...]:
    """Return the sizes of the first ``codebooks`` codebooks (None: all).

    Raises:
        CodecError: The codec has fewer.
    """
    if codebooks is None:
        return sizes
    if not 1 <= codebooks <= len(sizes):
        raise CodecError(
            f"{codebooks} codebooks of {name}, which has {len(sizes)}",
            fix=f"set codec.codebooks (--num-codebooks) to 1 to {len(sizes)}",
        )
    return sizes[:codebooks]


def same_codec(card: CodecCard, other: CodecCard) -> None:
    """Refuse to treat codes of one codec as those of another.

    Args:
        card: The codec that made the codes.
        other: The codec that is about to read them.

    Raises:
        CodecError: They differ in name or weights.
    """
    if (card.name, card.title, card.digest) != (other.name, other.title, other.digest):
        raise CodecError(
            f"codes of {card.title} ({card.digest[:12]}) given to {other.title} "
            f"({other.digest[:12]})",
            why="codes mean nothing to another codec, or to other weights of the same one",
            fix="use the weights that made the codes, or tokenize again",
        )
