"""songs.jsonl to token files: read rows, lay out documents, write ``.bin``, ``.idx``, ``.json``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from yue.errors import SongError, TokenFileError, UsageError
from yue.tokens.info import CodecIdentity, TokenFileInfo, write_info
from yue.tokens.layouts.document import Document
from yue.tokens.megatron import info_path
from yue.tokens.options import Options
from yue.tokens.pair import WrittenPair, write_pair
from yue.tokens.processes import outcomes
from yue.tokens.rejections import check_share
from yue.tokens.roles import REFERENCE_MARKER
from yue.tokens.rows import Rejected, read_lines
from yue.tokens.shards import Job, Outcome
from yue.tokens.text import TextTokenizer
from yue.tokens.vocabulary import CodecRange


@dataclass
class _Log:
    """What happened to the rows while documents were streamed into the files."""

    rows: int = 0
    song_ids: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


def write_token_files(
    songs_jsonl: Path,
    root: Path,
    tokenizer: Path,
    codec: CodecRange,
    *,
    output_prefix: Path,
    options: Options | None = None,
    ids: Collection[str] | None = None,
    codec_digest: str = "",
    max_rejected_share: float = 1.0,
    workers: int = 1,
) -> TokenFileInfo:
    """Write the songs of a songs.jsonl as token files, in its order, one document a song.

    Args:
        songs_jsonl: Rows in upstream's schema.
        root: Folder against which the rows' paths are resolved.
        tokenizer: A SentencePiece model.
        codec: The codec of the codes.
        output_prefix: Path of the files without their suffixes.
        options: How rows become documents; the defaults of :class:`Options` where None.
        ids: The songs to write; all where None.
        codec_digest: Digest of the codec's weights, for the description.
        max_rejected_share: Fail when more of the rows than this cannot be used.
        workers: Processes; 0 is one for each core. The files do not depend on it.

    Returns:
        What was written, as in the ``.json``.

    Raises:
        SongError: No row can be used, too many cannot, or one of ``ids`` is not there. Nothing is
            written then.
        TokenFileError: The files cannot be written.
        UsageError: Options that do not go with the codec, or a share that is none.
    """
    if not 0 <= max_rejected_share <= 1:
        raise UsageError(
            f"--max-rejected-share {max_rejected_share:g}", fix="give a share from 0 to 1"
        )
    options = options or Options()
    codec_ids = options.ids(codec)
    wanted = None if ids is None else frozenset(ids)
    job = Job(songs_jsonl.name, root, tokenizer, codec, options, wanted)
    text = job.load_text()
    log = _Log()

    def documents() -> Iterator[Document]:
        lines, scratch = read_lines(songs_jsonl), output_prefix.parent
        for outcome in outcomes(job, text, lines, workers=workers, scratch=scratch):
            yield from _accepted(outcome, log, strict=options.strict)
        _check_complete(songs_jsonl, wanted, log)
        check_share(log.rows, len(log.song_ids), log.rejected, max_rejected_share)

    try:
        pair = write_pair(output_prefix, documents(), limit=codec.rows)
        info = _info(pair, log, text, codec_ids, options, codec_digest)
        write_info(info_path(output_prefix), info)
    except OSError as error:
        raise TokenFileError(
            f"{output_prefix}: cannot be written ({error.strerror or error})",
            fix="check the free space and the folder's permissions, then run it again",
        ) from error
    return info


def _accepted(outcome: Outcome, log: _Log, *, strict: bool) -> Iterator[Document]:
    """The document of a line, if there is one; notes in ``log`` what becomes of the line."""
    log.rows += 1
    song_id, result = outcome.song_id, outcome.result
    is_known = song_id in log.seen
    if song_id is not None:
        log.seen.add(song_id)
    if isinstance(result, Rejected):
        log.rejected.append(result)
    elif strict and is_known:
        log.rejected.append(
            Rejected(
                outcome.place,
                "an earlier row has the same id",
                "give every song an id of its own: songs are split by id",
                song_id,
            )
        )
    else:
        log.rejected.extend(result.dropped)
        log.song_ids.append(str(song_id))
        yield result.document


def _check_complete(songs_jsonl: Path, wanted: frozenset[str] | None, log: _Log) -> None:
    """Fail, before any file appears, where there is nothing to write or a song is missing."""
    missing = sorted((wanted or frozenset()) - log.seen)
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
    options: Options,
    codec_digest: str,
) -> TokenFileInfo:
    return TokenFileInfo(
        options=options,
        codec=CodecIdentity(codec.name, codec_digest, codec.rate_text, codec.codebooks),
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
