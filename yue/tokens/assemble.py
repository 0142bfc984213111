"""A row to its document: read the codes, choose what is used, lay it out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yue.errors import SongError
from yue.rejections import Rejected
from yue.tokens.layouts import cot, icl, interleave, mix, stage2
from yue.tokens.layouts.blocks import Document, Section
from yue.tokens.layouts.stage2 import used_chunks
from yue.tokens.options import Options
from yue.tokens.reference_audio import Draws, reference_ids
from yue.tokens.row_reader import SongRow
from yue.tokens.sections import Used, used_sections
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.track_codes import Lanes, load_lanes, read_codes
from yue.tokens.vocabulary import CodecRange


@dataclass(frozen=True, eq=False)
class Assembled:
    """A document, and what of its song was left out."""

    document: Document
    dropped: tuple[Rejected, ...]


class Assembler:
    """Makes documents of rows.

    Args:
        root: Folder against which the rows' paths are resolved.
        text: The text tokenizer.
        codec: The codec of the codes.
        options: How to.

    Raises:
        UsageError: The options do not go with the codec.
    """

    def __init__(
        self, root: Path, text: TextTokenizer, codec: CodecRange, options: Options
    ) -> None:
        self._root, self._text, self._options = root, text, options
        self._codec = options.ids(codec)

    def assemble(self, row: SongRow) -> Assembled:
        """The document of a row.

        Raises:
            SongError: The row cannot be used; the message starts with its place.
        """
        options, codec = self._options, self._codec
        if options.layout == "stage2":
            codes = read_codes(self._root, row.codes[options.track], row.place)
            chunks = used_chunks(row, codes, codec, strict=options.strict)
            forced = options.teacher_forcing
            document = stage2.document(chunks.codes, codec, teacher_forcing=forced)
            return Assembled(document, chunks.dropped)
        lanes = load_lanes(row, self._root, codec, options)
        used = used_sections(row, lanes, options)
        try:
            return Assembled(self._document(row, lanes, used), used.dropped)
        except SongError as error:
            if error.what.startswith(row.place):
                raise
            raise SongError(row.place, why=f"{error.what}: {error.why}", fix=error.fix) from error

    def _document(self, row: SongRow, lanes: Lanes, used: Used) -> Document:
        """A document of sections."""
        text, codec, options = self._text, self._codec, self._options
        draws, dropout = Draws(options.seed, "instruction", row.id), options.instruction_dropout
        sections = [
            Section(segment.line_content, lanes.ids(options.tracks[: options.lanes], frames))
            for segment, frames in used.sections
        ]
        if options.layout == "mix":
            first = options.order == "audiofirst"
            return mix.document(
                text, sections, codec, audio_first=first, draws=draws, dropout=dropout
            )
        if options.layout == "interleave":
            return interleave.document(text, sections, codec, draws=draws, dropout=dropout)
        lines = [segment.line_content for segment in row.segments]
        if options.layout == "icl":
            reference = reference_ids(row, lanes, options)
            return icl.document(text, row.genres, lines, reference, sections, codec)
        return cot.document(text, row.genres, lines, sections, codec)
