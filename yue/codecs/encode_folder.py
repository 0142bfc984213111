"""Tokenizing outside a project: any folder of arrays to a folder of codes."""

from __future__ import annotations

from pathlib import Path

from yue.codecs.audio_tracks import folder_songs
from yue.codecs.encode_songs import describe_codes, encode_songs
from yue.codecs.registry import CodecChoice
from yue.errors import UsageError
from yue.files import atomic_folder, check_replaceable
from yue.rejections import Rejections, check_share, write_rejections
from yue.summary import StageSummary
from yue.wording import quoted


def tokenize_folder(
    source: Path, output: Path, codec: CodecChoice, *, workers: int
) -> StageSummary:
    """Write a folder as the stage ``tokenize`` writes ``work/codes/``; a former one is replaced.

    Paths in its rows are relative to the folder's parent, as in a project.

    Args:
        source: A folder that `yue convert` made, or any folder of .npy.
        output: The folder to make.
        codec: The codec.
        workers: Threads; 0 is one for each core.

    Raises:
        CodecError: The codec cannot be loaded.
        SongError: No song can be encoded.
        UsageError: Writing ``output`` would destroy what is not ours.
    """
    source, output = source.resolve(), output.resolve()
    _refuse_to_destroy(source, output)
    card = codec.card()
    songs = folder_songs(source)
    with atomic_folder(output) as folder:
        done = encode_songs(
            songs,
            card,
            codec.load_all,
            folder,
            prefix=output.name,
            store=None,
            workers=workers,
        )
        rejections = done.rejections(Rejections(len(songs)), songs, {})
        check_share(rejections, limit=1.0)
        write_rejections(folder / "rejected.json", rejections)
    converted = source if (source / "audio.jsonl").is_file() else "CONVERTED"
    return StageSummary(
        made=describe_codes(done, card),
        rejected=rejections.at("tokenize").describe(f"{output / 'rejected.json'}"),
        next=f"yue preprocess --data-dir {quoted(converted)} --songs-dir SONGS "
        f"--codec-type {codec.name} --codec-path {quoted(codec.weights)} makes token files of "
        "songs, codes included; `yue mmap` takes a songs.jsonl of your own that names these codes "
        "(docs/formats.md)",
    )


def _refuse_to_destroy(source: Path, output: Path) -> None:
    if source == output or output in source.parents:
        raise UsageError(
            f"--output-dir {output} holds the audio",
            why="the output folder is replaced as a whole",
            fix="give another folder",
        )
    if source in output.parents and not (source / "audio.jsonl").is_file():
        raise UsageError(
            f"--output-dir {output} is in the folder of audio",
            why="every .npy there is a song, and codes are .npy too",
            fix="give a folder beside it",
        )
    check_replaceable(output, "codec.json")
