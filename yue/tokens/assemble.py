"""Assemble a row's document: read its codes, choose what is used, lay it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yue.errors import SongError
from yue.rejections import Rejected
from yue.tokens.layouts import cot, icl, interleave, mix, stage2
from yue.tokens.layouts.blocks import Document, Draws, Section
from yue.tokens.options import Options
from yue.tokens.reference_audio import reference_ids
from yue.tokens.row_reader import SongRow
from yue.tokens.sections import used_sections
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.track_codes import Lanes, load_lanes, read_row_codes
from yue.tokens.vocabulary import CodecRange


@dataclass(frozen=True, eq=False)
class Assembled:
    """A document, and what of its song was left out."""

    document: Document
    dropped: tuple[Rejected, ...]


@dataclass(frozen=True, eq=False)
class _Parts:
    """What a layout of stage 1 makes a document of.

    Attributes:
        text: The text tokenizer.
        codec: The ids of the codebooks that documents carry.
        options: How rows become documents.
        row: The row.
        lanes: Its tracks.
        sections: Those whose codes are used.
    """

    text: TextTokenizer
    codec: CodecRange
    options: Options
    row: SongRow
    lanes: Lanes
    sections: list[Section]

    @property
    def line_contents(self) -> list[str]:
        """Label and lyrics of every section of the song, also of those that are not used."""
        return [segment.line_content for segment in self.row.segments]

    @property
    def draws(self) -> Draws:
        """The song's own random numbers, for dropping instructions."""
        return Draws(self.options.seed, "instruction", self.row.id)


def _cot(parts: _Parts) -> Document:
    row = parts.row
    return cot.document(parts.text, row.genres, parts.line_contents, parts.sections, parts.codec)


def _icl(parts: _Parts) -> Document:
    row, lines, codec = parts.row, parts.line_contents, parts.codec
    reference = reference_ids(row, parts.lanes, parts.options)
    return icl.document(parts.text, row.genres, lines, reference, parts.sections, codec)


def _interleave(parts: _Parts) -> Document:
    dropout = parts.options.instruction_dropout
    return interleave.document(
        parts.text, parts.sections, parts.codec, draws=parts.draws, dropout=dropout
    )


def _mix(parts: _Parts) -> Document:
    return mix.document(
        parts.text,
        parts.sections,
        parts.codec,
        audio_first=parts.options.order == "audiofirst",
        draws=parts.draws,
        dropout=parts.options.instruction_dropout,
    )


# The layouts of stage 1; the rest of what is known of them is in yue/tokens/layouts/table.py.
_DOCUMENTS: dict[str, Callable[[_Parts], Document]] = {
    "cot": _cot,
    "icl": _icl,
    "interleave": _interleave,
    "mix": _mix,
}


class Assembler:
    """Assembles documents of rows.

    Args:
        root: Folder against which the rows' paths are resolved.
        text: The text tokenizer.
        codec: The codec of the codes.
        options: How rows become documents.

    Raises:
        UsageError: The options do not go with the codec.
    """

    def __init__(
        self, root: Path, text: TextTokenizer, codec: CodecRange, options: Options
    ) -> None:
        self._root, self._text, self._options = root, text, options
        self._codec = options.ids(codec)

    def assemble(self, row: SongRow) -> Assembled:
        """Assemble the document of a row.

        Raises:
            SongError: The row cannot be used; the message starts with its place.
        """
        if self._options.layout_facts.stage == 2:
            return self._assemble_stage2(row)
        options = self._options
        lanes = load_lanes(row, self._root, self._codec, options)
        used = used_sections(row, lanes, options)
        try:
            sections = [
                Section(segment.line_content, lanes.ids(options.tracks[: options.lanes], frames))
                for segment, frames in used.sections
            ]
            parts = _Parts(self._text, self._codec, options, row, lanes, sections)
            return Assembled(_DOCUMENTS[options.layout](parts), used.dropped)
        except SongError as error:
            if error.what.startswith(row.place):
                raise
            raise SongError(row.place, why=f"{error.what}: {error.why}", fix=error.fix) from error

    def _assemble_stage2(self, row: SongRow) -> Assembled:
        options, codec = self._options, self._codec
        codes = read_row_codes(self._root, row.codes[options.track], row.place)
        chunks = stage2.used_chunks(row, codes, codec, strict=options.strict)
        forced = options.teacher_forcing
        document = stage2.document(chunks.codes, codec, teacher_forcing=forced)
        return Assembled(document, chunks.dropped)
