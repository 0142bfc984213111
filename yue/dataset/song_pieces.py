"""Cut songs into pieces that fit the context: whole where they can be, else between sections.

A piece that is not the first of its song repeats the header (instruction, genres, all lyrics) of
layouts that have one, so that no code is ever trained on without it. Only a section that is by
itself longer than the context is cut within: between two frames, so that vocal and instrumental
keep their places, and each further part repeats the section's opening as well (marker, lyrics,
``<SOA>`` and separator), without which the roles of codes would be lost. A chunk of stage 2 is
never cut. At 16,384 tokens this costs 0.42 % repeated tokens and 2.92 % padding, where plain best
fit leaves 2.6 % of tokens without their header (benchmarks/RESULTS.md, packing).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from yue.dataset.token_files import TokenFiles
from yue.errors import TrainingError
from yue.tokens.roles import PREDICTED

_MARKERS = 64  # tokens of a section that are neither lyrics nor codes, at the most


@dataclass(frozen=True)
class Piece:
    """A part of a document that is one unit of attention.

    Its tokens are those of ``header``, of ``opening`` and of ``body``, all places in the document;
    the first two are empty unless they are repeated.

    Attributes:
        document: Number of the document.
        body: What this piece is for; the bodies of a document's pieces are the document.
        header: The document's header, repeated.
        opening: The opening of the section that ``body`` goes on with, repeated.
        cut: Whether the body starts or ends within a section.
    """

    document: int
    body: range
    header: range = range(0)
    opening: range = range(0)
    cut: bool = False

    @property
    def repeats(self) -> list[range]:
        """What is repeated from an earlier piece."""
        return [part for part in (self.header, self.opening) if part]

    @property
    def repeated(self) -> int:
        """Tokens repeated from an earlier piece."""
        return len(self.header) + len(self.opening)

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return self.repeated + len(self.body)

    def take(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Take the piece's part of one value for each token of the document, shape (tokens,)."""
        parts = [values[p.start : p.stop] for p in (*self.repeats, self.body) if p]
        return np.concatenate(parts) if len(parts) > 1 else parts[0]


def pieces_of(files: TokenFiles, document: int, context: int) -> list[Piece]:
    """Return a document as one piece, or cut to the context; an empty one has no piece.

    Raises:
        TrainingError: The context is too short for the song.
        TokenFileError: A document that must be cut cannot be read.
    """
    tokens = int(files.document_lengths[document])
    if tokens > context:
        return split_document(files, document, context)
    return [Piece(document, range(tokens))] if tokens else []


def split_document(files: TokenFiles, document: int, context: int) -> list[Piece]:
    """Cut a document that may be longer than the context into pieces, in order.

    Raises:
        TrainingError: The header leaves no room for codes.
        TokenFileError: The document cannot be read.
    """
    header, sections = _find_sections(files, document)
    room = context - len(header)
    if not sections and room < 0:
        raise _context_error(files, document, header, len(header), context)
    pieces: list[Piece] = []
    start = 0  # of the piece that is being filled; at 0 it has the header in its body
    for section in sections:
        if len(section) > room:
            if section.start > max(start, header.stop):
                pieces.append(_make_piece(document, range(start, section.start), header))
                start = section.start
            pieces += _cut_section(files, document, header, section, start, context)
            start = section.stop
        elif section.stop - max(start, header.stop) > room:
            pieces.append(_make_piece(document, range(start, section.start), header))
            start = section.start
    end = (sections or [header])[-1].stop
    if start < end:
        pieces.append(_make_piece(document, range(start, end), header))
    return pieces


def songs_too_long(files: TokenFiles, context: int) -> list[TrainingError]:
    """Return why songs cannot be cut to the context, one error for each that cannot.

    Raises:
        TokenFileError: A document that must be cut cannot be read.
    """
    errors = []
    for document in np.flatnonzero(files.document_lengths > context).tolist():
        if not _fits_by_lengths(files, document, context):
            try:
                split_document(files, document, context)
            except TrainingError as error:
                errors.append(error)
    return errors


def _fits_by_lengths(files: TokenFiles, document: int, context: int) -> bool:
    """Return whether a document can be cut, as far as its lengths say without reading it."""
    first, *others = files.sequence_lengths(document).tolist()
    if first + max(others, default=0) <= context:  # nothing is cut within
        return True
    options = files.info.options
    # The header has the lyrics of every section, so no section's opening is longer by much.
    return (
        options is not None and options.layout_facts.has_header and 2 * first + _MARKERS <= context
    )


def _find_sections(files: TokenFiles, document: int) -> tuple[range, list[range]]:
    """Find the header and the sections; only layouts with a header have one.

    The header is a first sequence without codes to predict.
    """
    ends = np.cumsum(files.sequence_lengths(document), dtype=np.int64).tolist()
    sequences = [range(start, stop) for start, stop in pairwise([0, *ends])]
    roles = files.roles(files.document(document)[: ends[0]])
    if np.isin(roles, PREDICTED).any():
        return range(0), sequences
    return sequences[0], sequences[1:]


def _make_piece(document: int, body: range, header: range) -> Piece:
    return Piece(document, body, header if body.start else range(0))


def _cut_section(
    files: TokenFiles, document: int, header: range, section: range, start: int, context: int
) -> list[Piece]:
    """Cut a section that no piece can hold into parts of about equal length.

    The first part starts at ``start``: the section, or the document where nothing precedes it.
    """
    codes = _find_codes(files, document, section)
    shape = files.info.shape(files.document(document))
    width = shape.frame
    opening = range(section.start, codes.start)
    # A frame of slack: a part is rounded to whole frames.
    room = context - len(header) - len(opening) - (section.stop - codes.stop) - width
    if shape.is_stage2:  # codebook 0 must stay in view of all that follows from it
        needed = len(header) + len(section)
        raise _context_error(files, document, header, needed, context, section)
    if room < width:
        raise _context_error(files, document, header, context - room + width, context, section)
    parts = -(-len(codes) // room)
    frames = len(codes) // width
    cuts = [codes.start + width * (frames * part // parts) for part in range(1, parts)]
    bodies = [range(first, last) for first, last in pairwise([start, *cuts, section.stop])]
    return [
        Piece(
            document,
            body,
            header if body.start else range(0),
            opening if number else range(0),
            cut=True,
        )
        for number, body in enumerate(bodies)
    ]


def _find_codes(files: TokenFiles, document: int, section: range) -> range:
    """Find the codes of a section; the whole section where it has none."""
    roles = files.roles(files.document(document))[section.start : section.stop]
    places = np.flatnonzero(np.isin(roles, PREDICTED))
    if not len(places):
        return section
    return range(section.start + int(places[0]), section.start + int(places[-1]) + 1)


def _context_error(
    files: TokenFiles,
    document: int,
    header: range,
    needed: int,
    context: int,
    section: range = range(0),
) -> TrainingError:
    lyrics = ", or shorten its lyrics and genres" if header else ""
    return TrainingError(
        f"a context of {context} tokens is too short for song '{files.info.song_ids[document]}'",
        why=f"its header (instruction, genres, all lyrics) is {len(header)} tokens and stands "
        "before every piece of the song"
        if header
        else f"its tokens {section.start} to {section.stop - 1} are a section that must not be cut "
        "so small",
        fix=f"raise train.context_length (this song needs {needed} at the least){lyrics}",
    )
