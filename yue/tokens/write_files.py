"""Write songs.jsonl as token files: rows become documents, ``.bin``, ``.idx`` and ``.json``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from yue.errors import SongError, TokenFileError
from yue.rejections import Rejected
from yue.tokens.megatron_files import info_path
from yue.tokens.options import Options
from yue.tokens.pair_info import CodecIdentity, TokenFileInfo, write_info
from yue.tokens.pair_writer import PairWriter, WrittenPair, pair_writer
from yue.tokens.roles import REFERENCE_MARKER
from yue.tokens.row_count import RowCount, rows_check
from yue.tokens.row_reader import read_lines
from yue.tokens.shards import Job, Outcome, outcomes
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import CodecRange


@dataclass(frozen=True)
class Written:
    """Sets of token files that were written.

    Attributes:
        infos: Output prefix to what is there, as in the ``.json``.
        count: What became of the rows.
    """

    infos: dict[Path, TokenFileInfo]
    count: RowCount


@dataclass
class _TokenSet:
    """One set of files while it is written."""

    prefix: Path
    pair: PairWriter
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
    written = write_token_sets(
        songs_jsonl,
        root,
        tokenizer,
        codec,
        sets={output_prefix: ids},
        options=options,
        codec_digest=codec_digest,
        check=rows_check(max_rejected_share),
        workers=workers,
    )
    return written.infos[output_prefix]


def write_token_sets(
    songs_jsonl: Path,
    root: Path,
    tokenizer: Path,
    codec: CodecRange,
    *,
    sets: Mapping[Path, Collection[str] | None],
    options: Options | None = None,
    codec_digest: str = "",
    check: Callable[[RowCount], None],
    workers: int = 1,
) -> Written:
    """Write songs as sets of token files; the file of rows is read once for all of them.

    A line that names no song is of no set: the first set's ``.json`` has it.

    Args:
        songs_jsonl: As for :func:`write_token_files`, like what is not named here.
        root: See there.
        tokenizer: See there.
        codec: See there.
        sets: Output prefix to the songs to write there; all where None, for one set alone.
        options: See there.
        codec_digest: See there.
        check: Called before any file appears; it raises where too much was left out.
        workers: See there.

    Raises:
        SongError: A song is missing or is in two sets, no song of a set can be used, or what
            ``check`` raises.
        TokenFileError: The files cannot be written.
        UsageError: Options that do not go with the codec.
    """
    options = options or Options()
    codec_ids = options.ids(codec)
    home = _sets_of_songs(sets)
    wanted = None if home is None else frozenset(home)
    job = Job(songs_jsonl.name, root, tokenizer, codec, options, wanted)
    text, first = job.load_text(), next(iter(sets))
    count = RowCount()
    try:
        with ExitStack() as files:
            pairs = [files.enter_context(pair_writer(p, limit=codec.rows)) for p in sets]
            made = {
                prefix: _TokenSet(prefix, pair) for prefix, pair in zip(sets, pairs, strict=True)
            }
            lines = read_lines(songs_jsonl)
            for outcome in outcomes(job, text, lines, workers=workers, scratch=first.parent):
                target = (home or {}).get(outcome.song_id or "", first)
                _add_outcome(outcome, made[target], count, strict=options.strict)
            count.missing = sorted((wanted or frozenset()) - count.seen)
            _check_complete(songs_jsonl, made.values(), count)
            check(count)
        infos = {
            prefix: _describe_set(one, text, codec_ids, options, codec_digest)
            for prefix, one in made.items()
        }
        for prefix, info in infos.items():
            write_info(info_path(prefix), info)
    except OSError as error:
        raise TokenFileError(
            f"{first}: cannot be written ({error.strerror or error})",
            fix="check the free space and the folder's permissions, then run it again",
        ) from error
    return Written(infos, count)


def _sets_of_songs(sets: Mapping[Path, Collection[str] | None]) -> dict[str, Path] | None:
    """Return the set of each song; None where all songs are of the only set."""
    home: dict[str, Path] = {}
    for prefix, ids in sets.items():
        if ids is None:
            return None
        for song_id in ids:
            if home.setdefault(song_id, prefix) != prefix:
                raise SongError(
                    f"song '{song_id}' is in two splits, {home[song_id].name} and {prefix.name}",
                    why="what is trained on says nothing about held-out songs",
                    fix="run the stage 'songs' again: it puts each song into one",
                )
    return home


def _add_outcome(outcome: Outcome, target: _TokenSet, count: RowCount, *, strict: bool) -> None:
    """Append the document of a row, if there is one, and note what becomes of the row."""
    song_id, result = outcome.song_id, outcome.result
    target.rows += 1
    count.rows += 1
    is_known = song_id in count.seen
    if song_id is not None:
        count.seen.add(song_id)
        if outcome.piece_of is not None:
            count.piece_of[song_id] = outcome.piece_of
    if not isinstance(result, Rejected) and strict and is_known:
        result = Rejected(
            outcome.place,
            "an earlier row has the same id",
            "give every song an id of its own: songs are split by id",
            song_id,
        )
    if isinstance(result, Rejected):
        target.rejected.append(result)
        count.lost.append(result)
        return
    target.rejected.extend(result.dropped)
    count.partly.extend(result.dropped)
    target.song_ids.append(str(song_id))
    count.written.add(str(song_id))
    target.pair.append(result.document)


def _check_complete(songs_jsonl: Path, sets: Collection[_TokenSet], count: RowCount) -> None:
    """Fail, before any file appears, where there is nothing to write or a song is missing."""
    if len(count.missing) > count.nameless():
        raise SongError(
            f"{songs_jsonl}: {len(count.missing)} wanted song(s) are not there, the first "
            f"'{count.missing[0]}'",
            why="the split names songs that the rows do not have",
            fix="run the stage 'songs' again: it writes both",
        )
    for empty in sets:
        if empty.song_ids:
            continue
        first = empty.rejected[0] if empty.rejected else None
        of = f" of {empty.prefix.name}" if len(sets) > 1 else ""
        raise SongError(
            f"{songs_jsonl}: no song{of} can be used ({len(empty.rejected)} rejected)",
            why=f"{first.what}: {first.reason}" if first else "the file has no rows",
            fix=first.fix if first else "run the stage 'songs' on a folder with songs",
        )


def _describe_set(
    made: _TokenSet, text: TextTokenizer, codec: CodecRange, options: Options, codec_digest: str
) -> TokenFileInfo:
    pair: WrittenPair = made.pair.written
    return TokenFileInfo(
        options=options,
        codec=CodecIdentity(codec.name, codec_digest, codec.rate_text, codec.codebooks),
        vocabulary_rows=codec.rows,
        tokenizer_digest=text.digest,
        reference_marker=tuple(text.encode(REFERENCE_MARKER).tolist()),
        rows=made.rows,
        documents=pair.documents,
        sequences=pair.sequences,
        tokens=pair.tokens,
        song_ids=tuple(made.song_ids),
        rejected=tuple(made.rejected),
        checksums=pair.checksums,
    )
