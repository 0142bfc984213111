"""Stage ``mmap``: the rows of each split become a set of token files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from yue.dataset.song_pieces import songs_too_long
from yue.dataset.token_files import TokenFiles
from yue.errors import CodecError, SongError, YueError
from yue.files import atomic_folder, read_json
from yue.paths import Paths
from yue.recipe.model import Recipe, Train
from yue.rejections import check_share, read_rejections, write_rejections
from yue.tokens.options import Options
from yue.tokens.row_count import RowCount, song_rejections
from yue.tokens.vocabulary import CodecRange, codec_range
from yue.tokens.write_files import write_token_sets
from yue.wording import StageSummary, counted

SPLITS = ("train", "valid", "test")
_MAX_WARNINGS = 5  # warnings on the terminal


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/tokens/{train,valid,test}.{bin,idx,json}`` and ``work/rejected.json``.

    A split without songs has no files.

    Raises:
        YueError: A split cannot be written, or more songs than the recipe allows cannot be used.
    """
    split = _read_split(paths)
    codec, digest, stored = _read_codec(recipe.codec.name, paths)
    options = Options.of(recipe.tokens)
    if options.codebooks is None:
        options = replace(options, codebooks=min(options.ids(codec).codebooks, stored))
    earlier = read_rejections(paths.data_report, "songs")

    def check(count: RowCount) -> None:
        limit = recipe.data.max_rejected_share
        check_share(song_rejections(count, earlier), limit, paths.too_many_rejected)

    # The folder is swapped in whole: files of a split that is gone now do not survive.
    with atomic_folder(paths.tokens) as folder:
        written = write_token_sets(
            paths.songs,
            paths.work,
            paths.root / recipe.tokens.tokenizer,
            codec,
            sets={folder / name: ids for name, ids in split.items() if ids},
            options=options,
            codec_digest=digest,
            check=check,
            workers=recipe.runtime.workers,
        )
        warnings = _length_warnings(list(written.infos), recipe.train)
    rejections = song_rejections(written.count, earlier)
    write_rejections(paths.rejected, rejections)
    infos = {prefix.name: info for prefix, info in written.infos.items()}
    parts = [
        f"{name} {counted(i.documents, 'song')}, {i.tokens:,} tokens" for name, i in infos.items()
    ]
    show = f"`yue inspect work/tokens/{next(iter(infos))}`"
    return StageSummary(
        made="; ".join(parts),
        rejected=rejections.at("mmap").describe("work/rejected.json"),
        next="\n    ".join([f"{show} shows what the model will see", *warnings]),
    )


def _length_warnings(prefixes: Sequence[Path], train: Train) -> list[str]:
    """Return warnings of what training will refuse; token files are sound for other trainers."""
    if train.packing == "chop":
        return []
    errors = [
        error
        for prefix in prefixes
        for error in songs_too_long(TokenFiles.open(prefix), train.context_length)
    ]
    shown = [f"warning: {e.what}: {e.why}; {e.fix}" for e in errors[:_MAX_WARNINGS]]
    if len(errors) > _MAX_WARNINGS:
        more = counted(len(errors) - _MAX_WARNINGS, "more song")
        shown.append(f"and {more}, which `yue train` will refuse too")
    return shown


def _read_split(paths: Paths) -> dict[str, list[str]]:
    value = read_json(paths.split)
    if not isinstance(value, dict) or not all(isinstance(value.get(name), list) for name in SPLITS):
        raise SongError(
            f"{paths.split}: no lists of song ids named {', '.join(SPLITS)}",
            fix="run the stage 'songs' again: it writes the file",
        )
    if not any(value[name] for name in SPLITS):
        raise SongError(f"{paths.split}: no song in any split", fix="run the stage 'songs' again")
    return {name: value[name] for name in SPLITS}


def _read_codec(name: str, paths: Paths) -> tuple[CodecRange, str, int]:
    """Return the codec of the codes, its weights' digest, and the number of stored codebooks."""
    card = read_json(paths.codes / "codec.json")
    try:
        vocabulary, digest, stored = str(card["name"]), str(card["digest"]), int(card["codebooks"])
        found = str(card.get("codec", vocabulary))
    except (KeyError, TypeError, ValueError) as error:
        raise YueError(
            f"{paths.codes / 'codec.json'}: does not say which codec made the codes",
            fix="run the stage 'tokenize' again",
        ) from error
    if found != name:
        raise CodecError(
            f"the codes in {paths.codes} are of codec '{found}', the recipe's codec is '{name}'",
            fix="run the stage 'tokenize' again",
        )
    return codec_range(vocabulary), digest, stored
