"""Token files, read back: everything is checked at open, and nothing is ever mapped.

A memory map of a file that is cut short kills the process at the next touch (SIGBUS), which no
code can catch. So tokens are read with ``pread`` into arrays of their own: a short read is an
error with a name, arrays outlive the files, and forked workers share the descriptor safely. The
price is one copy of a document (a few microseconds). A file that is replaced while it is open
keeps its old bytes, since every writer of this project makes a new inode.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from yue.errors import TokenFileError
from yue.native.bin_writer import file_checksums
from yue.native.document_gather import Form, GatherError, Pieces, gather
from yue.native.index_arrays import IndexArrays
from yue.tokens.megatron_files import (
    DTYPES,
    REBUILD,
    bin_path,
    check_bin,
    idx_path,
    info_path,
    open_file,
    read_index_file,
)
from yue.tokens.pair_info import TokenFileInfo, foreign_info, read_info
from yue.tokens.vocabulary import EOA, SOA, STAGE_1, TEXT_SIZE, CodecRange, codec_range

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class TokenFiles:
    """A checked set of ``.bin``, ``.idx`` and ``.json``. Open it with :meth:`open`.

    Attributes:
        prefix: Path of the files without their suffixes.
        info: What the tokens are.
        lengths: Tokens of each sequence, int32, shape (S,).
        marks: Sequence at which each document starts, int64, shape (documents + 1,).
        starts: Token at which each document starts, int64, shape (documents + 1,).
    """

    prefix: Path
    info: TokenFileInfo
    lengths: npt.NDArray[np.int32]
    marks: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    _stream: IO[bytes]
    _dtype: np.dtype[Any]

    @classmethod
    def open(cls, prefix: Path, *, codec: CodecRange | None = None) -> TokenFiles:
        """Open and check token files.

        Args:
            prefix: Path of the files without their suffixes.
            codec: The codec of files that another program wrote, which have no ``.json``.

        Raises:
            TokenFileError: A file is missing or damaged, or the files do not belong together; the
                message has the file and, where there is one, the byte.
        """
        stream = open_file(bin_path(prefix))
        try:
            index, header = read_index_file(idx_path(prefix))
            check_bin(stream, bin_path(prefix), index)
            info = _read_own_info(prefix, index, codec)
        except BaseException:
            stream.close()
            raise
        dtype = np.dtype(DTYPES[header.dtype_code])
        return cls(prefix, info, index.lengths, index.documents, index.starts, stream, dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        """Open again in the process that unpickles: a descriptor does not travel."""
        codec = None if self.info.options else codec_range(self.info.codec.name)
        return _reopen, (self.prefix, codec)

    @property
    def documents(self) -> int:
        """Number of documents."""
        return len(self.marks) - 1

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return int(self.starts[-1])

    @property
    def document_lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each document, int64, shape (documents,)."""
        return np.diff(self.starts)

    def sequence_lengths(self, document: int) -> npt.NDArray[np.int32]:
        """Tokens of each sequence of a document (the header, then the sections), shape (n,)."""
        first, last = self.marks[document], self.marks[document + 1]
        return self.lengths[first:last]

    def document(self, document: int) -> Ids:
        """Tokens of one document, int32, shape (N,), every one an id of the vocabulary.

        Raises:
            TokenFileError: The file was cut short since it was opened, or holds something else.
        """
        tokens = self.raw_document(document)
        if tokens.size and not (tokens.min() >= 0 and tokens.max() < self.info.vocabulary_rows):
            wrong = (tokens < 0) | (tokens >= self.info.vocabulary_rows)
            place = int(np.flatnonzero(wrong)[0])
            byte = (int(self.starts[document]) + place) * self._dtype.itemsize
            raise TokenFileError(
                f"{bin_path(self.prefix)}: id {tokens[place]} at byte {byte} (token {place} of "
                f"document {document})",
                why=f"the vocabulary has the ids 0..{self.info.vocabulary_rows - 1}; the file is "
                "damaged",
                fix=REBUILD,
            )
        return tokens

    def raw_document(self, document: int) -> Ids:
        """Tokens of one document whatever they are, int32, shape (N,).

        Raises:
            TokenFileError: The file was cut short since it was opened, or cannot be read.
        """
        if not 0 <= document < self.documents:
            raise IndexError(f"document {document} of {self.documents}")
        size = self._dtype.itemsize
        start, stop = (int(place) * size for place in self.starts[document : document + 2])
        path = bin_path(self.prefix)
        try:
            data = _read_at(self._stream.fileno(), stop - start, start)
        except OSError as error:
            raise TokenFileError(
                f"{path}: byte {start} cannot be read ({error.strerror})", fix=REBUILD
            ) from error
        if len(data) < stop - start:
            raise TokenFileError(
                f"{path}: ends at byte {start + len(data)}, within document {document}",
                why="the file was cut short after it was opened",
                fix=f"let nothing write into it; {REBUILD}",
            )
        return np.frombuffer(data, dtype=self._dtype).astype(np.int32)

    def gather(
        self,
        spans: npt.NDArray[np.int64],
        out: npt.NDArray[np.int32] | npt.NDArray[np.int64],
        *,
        bounds: npt.NDArray[np.int64] | None = None,
        roles: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        """Read tokens of many places, a whole batch, in one call of C without the GIL.

        Args:
            spans: First token in the .bin (``starts[document] + place``), number of tokens, place
                in the output; shape (N, 3).
            out: Filled in where spans say so, else left as it is (padding); int32 or int64,
                contiguous, any shape: places count its elements in C order.
            bounds: Where roles are asked for too: start and end of each piece in the output, and
                how many of its first tokens are ``Role.CONTEXT``; shape (P, 3). A piece starts
                outside the blocks of codes, as :class:`~yue.dataset.song_pieces.Piece` does.
            roles: :class:`~yue.tokens.roles.Role` of each token of the pieces; uint8, contiguous,
                as many as ``out`` has.

        Raises:
            TokenFileError: The file was cut short since it was opened, or holds something else.
        """
        pieces = None
        if bounds is not None and roles is not None:
            pieces = Pieces(bounds, self._form, roles)
        descriptor, size = self._stream.fileno(), self._dtype.itemsize
        limit = self.info.vocabulary_rows
        try:
            gather(descriptor, spans, out, item_size=size, limit=limit, pieces=pieces)
        except GatherError as error:
            raise self._explain_gather(error) from error

    @cached_property
    def _form(self) -> Form:
        """The form of the documents; of files by another program, that of their first."""
        first = np.flatnonzero(self.document_lengths)[:1]
        tokens = self.raw_document(int(first[0])) if len(first) else np.zeros(0, np.int32)
        shape = self.info.shape(tokens)
        return Form(
            text_size=TEXT_SIZE,
            block_start=SOA,
            block_end=EOA,
            stage_1=STAGE_1,
            lanes=shape.lanes,
            code_starts=(*shape.codec.offsets, shape.codec.end),
            marker=shape.reference_marker,
        )

    def _explain_gather(self, error: GatherError) -> TokenFileError:
        path = bin_path(self.prefix)
        if error.token is None:
            return TokenFileError(f"{path}: cannot be read", why=error.what, fix=REBUILD)
        byte = error.token * self._dtype.itemsize
        document = int(np.searchsorted(self.starts, error.token, side="right")) - 1
        place = f"token {error.token - int(self.starts[document])} of document {document}"
        if error.is_short:
            return TokenFileError(
                f"{path}: ends at byte {os.fstat(self._stream.fileno()).st_size}, before {place}",
                why="the file was cut short after it was opened",
                fix=f"let nothing write into it; {REBUILD}",
            )
        return TokenFileError(
            f"{path}: no id of the vocabulary at byte {byte} ({place})",
            why=f"the vocabulary has the ids 0..{self.info.vocabulary_rows - 1}; the file is "
            "damaged",
            fix=REBUILD,
        )

    def roles(self, tokens: Ids) -> npt.NDArray[np.uint8]:
        """:class:`~yue.tokens.roles.Role` of every token of a document, shape (N,)."""
        return self.info.shape(tokens).roles(tokens)

    def verify(self) -> None:
        """Read the whole .bin and compare its checksums.

        Raises:
            TokenFileError: A block differs; with its first byte.
        """
        self.check(file_checksums(bin_path(self.prefix), self.info.checksums.block_bytes))

    def check(self, found: Sequence[int]) -> None:
        """Compare the checksums of the blocks of the .bin, as found, with those that were written.

        Files of other programs have none.

        Raises:
            TokenFileError: A block differs; with its first byte.
        """
        checksums = self.info.checksums
        if self.info.options is not None and len(found) != len(checksums.bin):
            raise TokenFileError(
                f"{bin_path(self.prefix)}: {len(found)} blocks, described as {len(checksums.bin)}",
                why="it changed after it was opened",
                fix=REBUILD,
            )
        for block, (have, want) in enumerate(zip(found, checksums.bin, strict=False)):
            if have != want:
                raise TokenFileError(
                    f"{bin_path(self.prefix)}: damaged in the {checksums.block_bytes} bytes from "
                    f"byte {block * checksums.block_bytes}",
                    why=f"CRC-32C {have:08x}, written as {want:08x}",
                    fix=REBUILD,
                )


def _reopen(prefix: Path, codec: CodecRange | None) -> TokenFiles:
    return TokenFiles.open(prefix, codec=codec)


def _read_own_info(prefix: Path, index: IndexArrays, codec: CodecRange | None) -> TokenFileInfo:
    """Read the description of the files, and check that it is theirs."""
    path = info_path(prefix)
    documents, sequences = len(index.documents) - 1, len(index.lengths)
    tokens = int(index.starts[-1])
    if not path.exists():
        if codec is None:
            raise TokenFileError(
                f"{path}: no such file",
                why="it says whose codes the tokens are, and is written last: without it, the "
                "write was cut off or another program wrote the files",
                fix=REBUILD,
            )
        return foreign_info(codec, documents, sequences, tokens)
    info = read_info(path)
    have = (documents, sequences, tokens, index.crc)
    want = (info.documents, info.sequences, info.tokens, info.checksums.idx)
    if have != want or len(info.song_ids) != info.documents:
        raise TokenFileError(
            f"{path}: describes other files",
            why=f"documents, sequences, tokens and checksum of the .idx are {have}, described as "
            f"{want}",
            fix=REBUILD,
        )
    return info


def _read_at(descriptor: int, count: int, offset: int) -> bytes:
    """Read up to ``count`` bytes; the kernel may give them in several parts."""
    data = os.pread(descriptor, count, offset)
    while len(data) < count and (
        part := os.pread(descriptor, count - len(data), offset + len(data))
    ):
        data += part
    return data
