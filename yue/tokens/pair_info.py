"""What a pair of token files holds: the ``.json`` beside ``.bin`` and ``.idx``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from yue.errors import TokenFileError, YueError
from yue.files import read_json, write_json
from yue.native.bin_writer import BLOCK_BYTES
from yue.rejections import Rejected
from yue.tokens.megatron_files import REBUILD
from yue.tokens.options import Options
from yue.tokens.roles import YUE_REFERENCE_MARKER, Shape
from yue.tokens.vocabulary import CodecRange, codec_range


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
        """Return a document's form; guessed from its ids where another program wrote it."""
        if self.options is None:
            return Shape.guess(codec_range(self.codec.name), tokens)
        return Shape.of(self.codec.ids, self.options, self.reference_marker)


def foreign_info(codec: CodecRange, documents: int, sequences: int, tokens: int) -> TokenFileInfo:
    """Describe files that another program wrote with YuE's tokenizer; no checksums."""
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
                **_select_fields(TokenFileInfo, value),
                "options": Options(**_select_fields(Options, value["options"])),
                "codec": CodecIdentity(**_select_fields(CodecIdentity, value["codec"])),
                "reference_marker": tuple(value["reference_marker"]),
                "song_ids": tuple(value["song_ids"]),
                "rejected": tuple(
                    Rejected(**_select_fields(Rejected, r)) for r in value["rejected"]
                ),
                "checksums": _parse_checksums(value["checksums"]),
            }
        )
    except (KeyError, TypeError, YueError) as error:
        raise TokenFileError(
            f"{path}: not the description of token files", why=str(error), fix=REBUILD
        ) from error


def _parse_checksums(value: dict[str, Any]) -> Checksums:
    return Checksums(int(value["block_bytes"]), tuple(map(int, value["bin"])), int(value["idx"]))


def _select_fields(kind: type[Any], value: Any) -> dict[str, Any]:
    """Select a dataclass's fields of JSON; a key too many is ignored, one too few a TypeError."""
    if not isinstance(value, dict):
        raise TypeError(f"{value!r:.40} where an object belongs")
    names = {field.name for field in fields(kind)}
    return {key: item for key, item in value.items() if key in names}
