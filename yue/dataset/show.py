"""A document as lines for a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import IO, Self

from yue.dataset.describe import DocumentView, SequenceView
from yue.dataset.reader import TokenFiles
from yue.tokens.vocabulary import CodecRange, token_name

_ANSI = {"bold": 1, "dim": 2, "red": 31, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}
_STYLES = {
    "text": "bold",
    "special": "cyan",
    "vocal": "magenta",
    "instrumental": "blue",
    "prompt": "yellow",
}
_LETTERS = {"vocal": "v", "instrumental": "i", "prompt": "p"}
_CODES_SHOWN = 6


@dataclass(frozen=True)
class Painter:
    """Paints text for a terminal, or leaves it as it is.

    Attributes:
        colours: Whether to paint.
    """

    colours: bool

    @classmethod
    def of(cls, stream: IO[str]) -> Self:
        """A painter for a stream: plain unless it is a terminal, and where NO_COLOR is set."""
        return cls(stream.isatty() and not os.environ.get("NO_COLOR"))

    def __call__(self, text: str, style: str) -> str:
        """The text in bold, dim or a colour."""
        return f"\x1b[{_ANSI[style]}m{text}\x1b[0m" if self.colours and text else text


def show_files(files: TokenFiles, paint: Painter) -> str:
    """One line about the files, and the legend."""
    info = files.info
    rate = f", {float(Fraction(info.codec.frame_rate)):g} frames/s" if info.codec.frame_rate else ""
    layout = f"layout {info.layout} ({info.compat}), " if info.layout else ""
    legend = "  ".join(paint(name, style) for name, style in _STYLES.items())
    return (
        f"{files.prefix}: {layout}codec {info.codec.name}{rate}; {files.documents:,} documents, "
        f"{len(files.lengths):,} sequences, {files.tokens:,} tokens\n{legend}"
    )


def show_document(view: DocumentView, codec: CodecRange, paint: Painter) -> str:
    """The document: a title, its sequences, what is odd."""
    last = max((s.seconds[1] for s in view.sequences if s.seconds), default=None)
    length = f", {_clock(last)}" if last is not None else ""
    lines = [
        "",
        paint(f"document {view.number}: song '{_printable(view.song_id)}'", "bold")
        + f", {len(view.tokens):,} tokens{length}",
    ]
    for number, sequence in enumerate(view.sequences):
        lines += ["", _title(sequence, number, paint), *_body(view, sequence, codec, paint)]
    lines += ["", *(_faults(view, paint))]
    return "\n".join(lines)


def _title(sequence: SequenceView, number: int, paint: Painter) -> str:
    name = f"section {number}" if number else sequence.kind
    times = "  " + "-".join(map(_clock, sequence.seconds)) if sequence.seconds else ""
    roles = "  ".join(paint(f"{role} {n:,}", _STYLES[role]) for role, n in sequence.roles.items())
    place = paint(f"[{sequence.start:,}..{sequence.stop:,})", "dim")
    return f"{place} {paint(name, 'bold')}{times}  {roles}"


def _body(
    view: DocumentView, sequence: SequenceView, codec: CodecRange, paint: Painter
) -> Iterator[str]:
    """The sequence's text, then its other tokens, a long run of codes shortened."""
    if sequence.text is not None:
        yield from (f"    {line}" for line in _printable(sequence.text).rstrip("\n").split("\n"))
    places = range(sequence.start, sequence.stop)
    parts = []
    for kind, group in groupby(places, key=lambda place: _kind(view.roles[place])):
        run = list(group)
        if kind == "text":
            parts += _text(sequence, run, paint)
        elif kind == "special":
            parts += [paint(token_name(view.tokens[p]), _STYLES["special"]) for p in run]
        else:
            parts.append(_codes(view, run, codec, paint))
    if parts:
        yield "    " + " ".join(parts)


def _text(sequence: SequenceView, run: list[int], paint: Painter) -> list[str]:
    """A run of text among the other tokens; the first one is on lines of its own already."""
    if sequence.text is None or sequence.after is None:
        return [paint(f"({len(run)} text ids)", "dim")]
    return [] if run[0] == sequence.start else [paint(_printable(sequence.after), "bold")]


def _kind(role: str) -> str:
    return role if role in ("text", "special") else "codes"


def _codes(view: DocumentView, run: list[int], codec: CodecRange, paint: Painter) -> str:
    shown = []
    for place in run[:_CODES_SHOWN]:
        role = view.roles[place]
        code = view.tokens[place] - codec.offset
        shown.append(paint(f"{_LETTERS[role]}{code}", _STYLES[role]))
    more = len(run) - len(shown)
    return " ".join(shown) + (f" ... {more:,} more codes" if more else "")


def _faults(view: DocumentView, paint: Painter) -> list[str]:
    if not view.faults:
        return ["nothing odd"]
    return [paint(f"odd at token {f.token:,}: {f.message}", "red") for f in view.faults]


def _printable(text: str) -> str:
    """Text without control characters: lyrics must not be able to drive the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"
