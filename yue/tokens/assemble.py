"""Assemble a row's document: read its codes, choose what is used, lay it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from yue.errors import SongError
from yue.rejections import Rejected
from yue.tokens.layouts import cot, icl, interleave, mix, stage2
from yue.tokens.layouts.blocks import Document, Draws, SectionIds, SongParts
from yue.tokens.options import Options
from yue.tokens.reference_audio import reference_ids
from yue.tokens.row_reader import SongRow
from yue.tokens.sections import used_sections
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.track_codes import load_lanes, read_row_codes
from yue.tokens.vocabulary import CodecRange


@dataclass(frozen=True, eq=False)
class Assembled:
    """A document, and what of its song was left out."""

    document: Document
    dropped: tuple[Rejected, ...]


# The layouts of stage 1; what else is known of them is in yue/tokens/layouts/table.py.
_LAY_OUT: dict[str, Callable[[SongParts], Document]] = {
    "cot": cot.document,
    "icl": icl.document,
    "interleave": interleave.document,
    "mix": mix.document,
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
                SectionIds(segment.line_content, lanes.ids(options.tracks[: options.lanes], frames))
                for segment, frames in used.sections
            ]
            parts = SongParts(
                self._text,
                self._codec,
                sections,
                genres=row.genres,
                line_contents=[segment.line_content for segment in row.segments],
                draws=Draws(options.seed, "instruction", row.id),
                instruction_dropout=options.instruction_dropout,
                audio_first=options.order == "audiofirst",
            )
            if options.layout_facts.has_reference:
                parts = replace(parts, reference=reference_ids(row, lanes, options))
            return Assembled(_LAY_OUT[options.layout](parts), used.dropped)
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
