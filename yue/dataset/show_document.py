"""Write a document as lines for a terminal."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import IO, Self

from yue.dataset.describe_document import DocumentView, SequenceView
from yue.dataset.song_pieces import Piece
from yue.dataset.token_files import TokenFiles
from yue.tokens.roles import Role
from yue.tokens.vocabulary import CodecRange, token_name
from yue.wording import counted, printable

_ANSI = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35,
         "cyan": 36}  # fmt: skip
_STYLES = {
    "text": "bold",
    "special": "cyan",
    "vocal": "magenta",
    "instrumental": "blue",
    "prompt": "yellow",
    "codebook": "green",
}
_LETTERS = {"vocal": "v", "instrumental": "i", "prompt": "p", "codebook": "c"}
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
        """Return a painter for a stream: plain unless a terminal, or where NO_COLOR is set."""
        return cls(stream.isatty() and not os.environ.get("NO_COLOR"))

    def __call__(self, text: str, style: str) -> str:
        """Return the text in bold, dim or a colour."""
        return f"\x1b[{_ANSI[style]}m{text}\x1b[0m" if self.colours and text else text


def show_files(files: TokenFiles, paint: Painter, loss_on: Collection[Role] = ()) -> str:
    """Write two lines about the files, and the legend."""
    info, options = files.info, files.info.options
    rate = f", {float(Fraction(info.codec.frame_rate)):g} frames/s" if info.codec.frame_rate else ""
    layout = f"layout {options.layout} ({options.compat}), " if options else ""
    legend = "  ".join(paint(name, style) for name, style in _STYLES.items())
    learnt = ", ".join(role.title for role in loss_on) or "nothing (see --loss-on)"
    return (
        f"{files.prefix}: {layout}codec {info.codec.name}{rate}; "
        f"{counted(files.documents, 'document')}, {len(files.lengths):,} sequences, "
        f"{files.tokens:,} tokens\n"
        f"{legend}\nthe loss counts what is between {{ and }}: {learnt}"
    )


def show_document(view: DocumentView, codec: CodecRange, paint: Painter) -> str:
    """Write the document: a title, its sequences, what is odd.

    Args:
        view: The document.
        codec: The ids of the codes that it carries.
        paint: For the terminal.
    """
    last = max((s.seconds[1] for s in view.sequences if s.seconds), default=None)
    length = f", {_clock_text(last)}" if last is not None else ""
    lines = [
        "",
        paint(f"document {view.number}: song '{_strip_controls(view.song_id)}'", "bold")
        + f", {len(view.tokens):,} tokens, {sum(view.learnt):,} learnt{length}",
    ]
    has_header = view.sequences and view.sequences[0].kind == "header"
    for number, sequence in enumerate(view.sequences, 0 if has_header else 1):
        lines += [
            "",
            _title_line(sequence, number, paint),
            *_body_lines(view, sequence, codec, paint),
        ]
    lines += ["", *(_fault_lines(view, paint))]
    return "\n".join(lines)


def show_pieces(pieces: Sequence[Piece], context: int, paint: Painter) -> str:
    """Write one line: how training cuts the document where it is longer than the context."""
    shown = [
        "".join(paint(f"({p.start:,}..{p.stop:,})+", "dim") for p in piece.repeats)
        + f"[{piece.body.start:,}..{piece.body.stop:,})"
        for piece in pieces
    ]
    what = "1 piece" if len(pieces) == 1 else f"{len(pieces)} pieces, (repeated)+[new)"
    return f"a context of {context:,} tokens takes it in {what}: {'  '.join(shown)}"


def _title_line(sequence: SequenceView, number: int, paint: Painter) -> str:
    name = sequence.kind if sequence.kind == "header" else f"{sequence.kind} {number}"
    times = "  " + "-".join(map(_clock_text, sequence.seconds)) if sequence.seconds else ""
    counts = (paint(f"{role} {n:,}", _style_of(role)) for role, n in sequence.roles.items())
    place = paint(f"[{sequence.start:,}..{sequence.stop:,})", "dim")
    return f"{place} {paint(name, 'bold')}{times}  {'  '.join(counts)}  learnt {sequence.learnt:,}"


def _body_lines(
    view: DocumentView, sequence: SequenceView, codec: CodecRange, paint: Painter
) -> Iterator[str]:
    """Yield the sequence's text, then its other tokens, a long run of codes shortened."""
    if sequence.text is not None:
        yield from (
            f"    {line}" for line in _strip_controls(sequence.text).rstrip("\n").split("\n")
        )
    places = range(sequence.start, sequence.stop)
    parts = []
    for (kind, learnt), group in groupby(
        places, key=lambda p: (_run_kind(view.roles[p]), view.learnt[p])
    ):
        run = list(group)
        if kind == "text":
            shown = _text_parts(sequence, run, paint)
        elif kind == "special":
            shown = [paint(token_name(view.tokens[p]), _STYLES["special"]) for p in run]
        else:
            shown = [_codes_text(view, run, codec, paint)]
        parts += [paint("{", "dim"), *shown, paint("}", "dim")] if learnt else shown
    if parts:
        yield "    " + " ".join(parts)


def _text_parts(sequence: SequenceView, run: list[int], paint: Painter) -> list[str]:
    """Write a run of text among other tokens; the first one is on lines of its own already."""
    if sequence.text is None or sequence.after is None:
        return [paint(f"({len(run)} text ids)", "dim")]
    return [] if run[0] == sequence.start else [paint(_strip_controls(sequence.after), "bold")]


def _run_kind(role: str) -> str:
    return role if role in ("text", "special") else "codes"


def _style_of(role: str) -> str:
    return _STYLES[role.partition("_")[0]]


def _codes_text(view: DocumentView, run: list[int], codec: CodecRange, paint: Painter) -> str:
    """Write a run of codes: letter of the role, codebook where there are several, code."""
    shown = [_code_text(view.tokens[p], view.roles[p], codec, paint) for p in run[:_CODES_SHOWN]]
    more = len(run) - len(shown)
    return " ".join(shown) + (f" ... {more:,} more codes" if more else "")


def _code_text(token: int, role: str, codec: CodecRange, paint: Painter) -> str:
    book = sum(token >= offset for offset in codec.offsets[1:])
    named = f"{book}:" if codec.codebooks > 1 else ""
    letter = _LETTERS[role.partition("_")[0]]
    return paint(f"{letter}{named}{token - codec.offsets[book]}", _style_of(role))


def _fault_lines(view: DocumentView, paint: Painter) -> list[str]:
    if not view.faults:
        return ["nothing odd"]
    return [paint(f"odd at token {f.token:,}: {f.message}", "red") for f in view.faults]


def _strip_controls(text: str) -> str:
    """Take control characters out: lyrics must not be able to drive the terminal."""
    return "\n".join(map(printable, text.split("\n")))


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"
