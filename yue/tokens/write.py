"""songs.jsonl to token files: read rows, lay out documents, write ``.bin``, ``.idx``, ``.json``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from yue.errors import SongError, TokenFileError, UsageError
from yue.tokens.info import CodecIdentity, TokenFileInfo, write_info
from yue.tokens.lanes import COMPAT, song_sections
from yue.tokens.layouts import cot
from yue.tokens.megatron import info_path
from yue.tokens.pair import WrittenPair, write_pair
from yue.tokens.rejections import check_share
from yue.tokens.roles import REFERENCE_MARKER
from yue.tokens.rows import Rejected, SongRow, read_rows, rejected
from yue.tokens.text import TextTokenizer
from yue.tokens.vocabulary import CodecRange

LAYOUTS = ("cot",)


@dataclass
class _Log:
    """What happened to the rows while documents were streamed into the files."""

    rows: int = 0
    song_ids: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def write_token_files(
    songs_jsonl: Path,
    root: Path,
    tokenizer: Path,
    codec: CodecRange,
    *,
    output_prefix: Path,
    layout: str = "cot",
    compat: str = "strict",
    ids: Collection[str] | None = None,
    codec_digest: str = "",
    max_rejected_share: float = 1.0,
) -> TokenFileInfo:
    """Write the songs of a songs.jsonl as token files, in its order, one document a song.

    Args:
        songs_jsonl: Rows in upstream's schema.
        root: Folder against which the rows' paths are resolved.
        tokenizer: A SentencePiece model.
        codec: The codec of the codes.
        output_prefix: Path of the files without their suffixes.
        layout: One of :data:`LAYOUTS`.
        compat: ``strict``, or ``upstream`` to lose what upstream loses and to turn strings such as
            ``<EOD>`` in lyrics into control ids as it does.
        ids: The songs to write; all where None.
        codec_digest: Digest of the codec's weights, for the description.
        max_rejected_share: Fail when more of the rows than this cannot be used.

    Returns:
        What was written, as in the ``.json``.

    Raises:
        SongError: No row can be used, too many cannot, or one of ``ids`` is not there. Nothing is
            written then.
        TokenFileError: The files cannot be written.
        UsageError: An unknown layout or compat, or a share that is none.
    """
    _check_choice("layout", layout, LAYOUTS)
    _check_choice("compat", compat, COMPAT)
    if not 0 <= max_rejected_share <= 1:
        raise UsageError(
            f"--max-rejected-share {max_rejected_share:g}", fix="give a share from 0 to 1"
        )
    text = TextTokenizer(tokenizer, specials_in_text=compat == "upstream")
    log = _Log()
    documents = _documents(songs_jsonl, root, text, codec, compat, ids, max_rejected_share, log)
    try:
        pair = write_pair(output_prefix, documents, limit=codec.rows)
        info = _info(pair, log, text, codec, layout, compat, codec_digest)
        write_info(info_path(output_prefix), info)
    except OSError as error:
        raise TokenFileError(
            f"{output_prefix}: cannot be written ({error.strerror or error})",
            fix="check the free space and the folder's permissions, then run it again",
        ) from error
    return info


def _documents(
    songs_jsonl: Path,
    root: Path,
    text: TextTokenizer,
    codec: CodecRange,
    compat: str,
    ids: Collection[str] | None,
    max_rejected_share: float,
    log: _Log,
) -> Iterator[cot.Document]:
    """The documents in order; notes in ``log`` what becomes of every row."""
    wanted = None if ids is None else frozenset(ids)
    seen: set[str] = set()
    for row in read_rows(songs_jsonl):
        song_id = row.song_id if isinstance(row, Rejected) else row.id
        if wanted is not None and song_id is not None and song_id not in wanted:
            continue
        log.rows += 1
        try:
            if isinstance(row, Rejected):
                log.rejected.append(row)
                continue
            if compat == "strict" and row.id in seen:
                raise SongError(
                    row.place,
                    why="an earlier row has the same id",
                    fix="give every song an id of its own: songs are split by id",
                )
            yield _document(row, root, text, codec, compat, log)
            log.song_ids.append(row.id)
        except SongError as error:
            log.rejected.append(rejected(error, song_id))
        finally:
            if song_id is not None:
                seen.add(song_id)
    _check_complete(songs_jsonl, wanted, seen, log)
    check_share(log.rows, len(log.song_ids), log.rejected, max_rejected_share)


def _document(
    row: SongRow, root: Path, text: TextTokenizer, codec: CodecRange, compat: str, log: _Log
) -> cot.Document:
    found = song_sections(row, root, codec, compat)
    lines = [segment.line_content for segment in row.segments]
    try:
        document = cot.document(text, row.genres, lines, found.sections, codec)
    except SongError as error:
        raise SongError(row.place, why=f"{error.what}: {error.why}", fix=error.fix) from error
    log.rejected.extend(found.dropped)
    return document


def _check_complete(
    songs_jsonl: Path, wanted: frozenset[str] | None, seen: set[str], log: _Log
) -> None:
    """Fail, before any file appears, where there is nothing to write or a song is missing."""
    missing = sorted((wanted or frozenset()) - seen)
    if missing:
        raise SongError(
            f"{songs_jsonl}: {len(missing)} wanted song(s) are not there, the first '{missing[0]}'",
            why="the split names songs that the rows do not have",
            fix="run the stage 'songs' again: it writes both",
        )
    if not log.song_ids:
        first = log.rejected[0] if log.rejected else None
        raise SongError(
            f"{songs_jsonl}: no song can be used ({len(log.rejected)} rejected)",
            why=f"{first.what}: {first.reason}" if first else "the file has no rows",
            fix=first.fix if first else "run the stage 'songs' on a folder with songs",
        )


def _info(
    pair: WrittenPair,
    log: _Log,
    text: TextTokenizer,
    codec: CodecRange,
    layout: str,
    compat: str,
    codec_digest: str,
) -> TokenFileInfo:
    return TokenFileInfo(
        layout=layout,
        compat=compat,
        codec=CodecIdentity(codec.name, codec_digest, codec.rate_text),
        vocabulary_rows=codec.rows,
        tokenizer_digest=text.digest,
        reference_marker=tuple(text.encode(REFERENCE_MARKER).tolist()),
        rows=log.rows,
        documents=pair.documents,
        sequences=pair.sequences,
        tokens=pair.tokens,
        song_ids=tuple(log.song_ids),
        rejected=tuple(log.rejected),
        checksums=pair.checksums,
    )


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UsageError(f"unknown {name} '{value}'", fix=f"choose one of {', '.join(allowed)}")
