"""The ``.json`` beside a pair of token files, and how rows were counted.

What became of the rows of a songs.jsonl, counted as songs of a project or as rows of a file.

What a pair of token files holds: the ``.json`` beside ``.bin`` and ``.idx``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from yue.errors import TokenFileError, UsageError, YueError
from yue.files import read_json, write_json
from yue.native.bin_writer import BLOCK_BYTES
from yue.rejections import Rejected, Rejections, StageRejections, check_share
from yue.tokens.document_faults import Shape
from yue.tokens.megatron_files import REBUILD
from yue.tokens.options import Options
from yue.tokens.roles import YUE_REFERENCE_MARKER
from yue.tokens.vocabulary import CodecRange, codec_range


@dataclass
class RowCount:
    """What became of the rows while documents were streamed into the files.

    Attributes:
        rows: How many were to be written; lines that name no song are among them.
        lost: Rows of which there is no document.
        partly: Sections left out of documents.
        written: Rows of which there is a document, by id.
        seen: Rows that are there, by id.
        missing: Rows that were wanted and are not there; unreadable lines may have been theirs.
        piece_of: Piece to its song, of rows that are pieces.
    """

    rows: int = 0
    lost: list[Rejected] = field(default_factory=list)
    partly: list[Rejected] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    piece_of: dict[str, str] = field(default_factory=dict)

    def song(self, song_id: str) -> str:
        """Return the song that a row is, or is a piece of."""
        return self.piece_of.get(song_id, song_id)

    def unreadable(self) -> int:
        """Return how many lines do not say which song they are of."""
        return sum(entry.song_id is None for entry in self.lost)


def rows_check(limit: float) -> Callable[[RowCount], None]:
    """Return the check of a file of rows, of which at most the share ``limit`` may be lost.

    Raises:
        UsageError: It is no share.
    """
    name = "--max-rejected-share"
    if not 0 <= limit <= 1:
        raise UsageError(f"{name} {limit:g}", fix="give a share from 0 to 1")
    return lambda count: check_share(row_rejections(count), limit, name=name)


def row_rejections(count: RowCount) -> Rejections:
    """Return what was left out of a file of rows, each of which counts as a song."""
    return Rejections(0, count.rows).plus(
        StageRejections("mmap", tuple(count.lost), tuple(count.partly))
    )


def song_rejections(count: RowCount, earlier: Rejections) -> Rejections:
    """Return what earlier stages left out of a project's songs, with what was left out of its rows.

    A line that cannot be read is of a song that is missing. If none is, somebody has added it: it
    is found and lost here.
    """
    added = max(0, count.unreadable() - len(count.missing))
    found = Rejections(earlier.songs, earlier.rows + added, earlier.stages)
    return found.after(
        "mmap",
        [*count.lost, *count.partly],
        left={count.song(song_id) for song_id in count.written},
        song_of=lambda entry: count.song(entry.song_id) if entry.song_id else entry.what,
    )


@dataclass(frozen=True)
class CodecIdentity:
    """Which codec made the codes.

    Attributes:
        name: Its name in the vocabulary.
        digest: Digest of its weights, "" where it is not known.
        frame_rate: Frames a second as a fraction, ``"50/1"``, or None.
        codebooks: How many of its codebooks the documents carry.
    """

    name: str
    digest: str
    frame_rate: str | None
    codebooks: int

    @property
    def ids(self) -> CodecRange:
        """The ids of those codebooks."""
        return codec_range(self.name).first(self.codebooks)


@dataclass(frozen=True)
class Checksums:
    """CRC-32C of both files.

    Attributes:
        block_bytes: How many bytes of the .bin one checksum covers.
        bin: One for each block.
        idx: Of the whole .idx.
    """

    block_bytes: int
    bin: tuple[int, ...]
    idx: int


@dataclass(frozen=True)
class TokenFileInfo:
    """What a pair of token files holds.

    Attributes:
        options: How rows became documents; None where another program wrote the files.
        codec: The codec of the codes.
        vocabulary_rows: Embedding rows that a model needs for these ids.
        tokenizer_digest: SHA-256 of the SentencePiece model.
        reference_marker: Ids of ``[start_of_reference]`` in that tokenizer.
        rows: How many rows were to be written; those that are no documents were rejected.
        documents: How many songs.
        sequences: How many headers and sections.
        tokens: How many tokens.
        song_ids: The song of each document.
        rejected: What was left out, and why.
        checksums: Of both files.
    """

    options: Options | None
    codec: CodecIdentity
    vocabulary_rows: int
    tokenizer_digest: str
    reference_marker: tuple[int, ...]
    rows: int
    documents: int
    sequences: int
    tokens: int
    song_ids: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    checksums: Checksums

    def shape(self, tokens: npt.NDArray[np.integer]) -> Shape:
        """The form of a document; guessed from its ids where another program wrote it."""
        if self.options is None:
            return Shape.guess(codec_range(self.codec.name), tokens)
        return Shape.of(self.codec.ids, self.options, self.reference_marker)


def foreign_info(codec: CodecRange, documents: int, sequences: int, tokens: int) -> TokenFileInfo:
    """The description of files that another program wrote with YuE's tokenizer; no checksums."""
    return TokenFileInfo(
        options=None,
        codec=CodecIdentity(codec.name, "", codec.rate_text, codec.codebooks),
        vocabulary_rows=codec.rows,
        tokenizer_digest="",
        reference_marker=YUE_REFERENCE_MARKER,
        rows=documents,
        documents=documents,
        sequences=sequences,
        tokens=tokens,
        song_ids=tuple(f"#{number}" for number in range(documents)),
        rejected=(),
        checksums=Checksums(BLOCK_BYTES, (), 0),
    )


def write_info(path: Path, info: TokenFileInfo) -> None:
    """Write the file, whole or not at all."""
    write_json(path, asdict(info))


def read_info(path: Path) -> TokenFileInfo:
    """Read the file.

    Raises:
        TokenFileError: It is missing or is not such a file.
    """
    try:
        value = read_json(path)
        return TokenFileInfo(
            **{
                **_known(TokenFileInfo, value),
                "options": Options(**_known(Options, value["options"])),
                "codec": CodecIdentity(**_known(CodecIdentity, value["codec"])),
                "reference_marker": tuple(value["reference_marker"]),
                "song_ids": tuple(value["song_ids"]),
                "rejected": tuple(Rejected(**_known(Rejected, r)) for r in value["rejected"]),
                "checksums": _checksums(value["checksums"]),
            }
        )
    except (KeyError, TypeError, YueError) as error:
        raise TokenFileError(
            f"{path}: not the description of token files", why=str(error), fix=REBUILD
        ) from error


def _checksums(value: dict[str, Any]) -> Checksums:
    return Checksums(int(value["block_bytes"]), tuple(map(int, value["bin"])), int(value["idx"]))


def _known(kind: type[Any], value: Any) -> dict[str, Any]:
    """The fields of a dataclass, from JSON; a key too many is ignored, one too few a TypeError."""
    if not isinstance(value, dict):
        raise TypeError(f"{value!r:.40} where an object belongs")
    names = {field.name for field in fields(kind)}
    return {key: item for key, item in value.items() if key in names}
