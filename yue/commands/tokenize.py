"""``yue tokenize``: the stage of the project, or a folder of arrays to a folder of codes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from yue.commands import Verb
from yue.commands.stage import need_flags, print_summary, project_paths, run_stage
from yue.errors import UsageError
from yue.recipe.flags import add_flags
from yue.recipe.read import read_recipe
from yue.wording import StageSummary, counted, quoted

if TYPE_CHECKING:
    from yue.codecs.audio_tracks import SongTracks
    from yue.codecs.registry import CodecChoice

EXAMPLE = "yue tokenize --input-dir converted --output-dir codes --codec-type xcodec"
_VERIFIED_SONGS = 5


def _add_arguments(parser: argparse.ArgumentParser) -> None:

    parser.add_argument("--input-dir", type=Path, help="folder that `yue convert` made, or of .npy")
    parser.add_argument("--output-dir", type=Path, help="folder to make")
    parser.add_argument(
        "--verify",
        type=int,
        nargs="?",
        const=_VERIFIED_SONGS,
        metavar="SONGS",
        help="write nothing: encode so many songs again and compare their codes "
        f"(default: {_VERIFIED_SONGS}; 0: all)",
    )
    own = {
        "codec.name": "none, needed with --input-dir",
        "codec.path": "the codec's own, see `yue codecs`",
        "codec.codebooks": "the codec's own",
    }
    add_flags(parser, "codec", "runtime", own=own)


def run(args: argparse.Namespace) -> None:
    """Encode the folder that is given, else run the stage of the project; or verify either."""
    if args.input_dir is None and args.output_dir is None:
        if args.verify is None:
            run_stage("tokenize")
        else:
            _verify_project(args.verify)
        return
    needed = ("input_dir", "output_dir", "codec_type")
    need_flags(args, needed, EXAMPLE)
    from yue.codecs.audio_tracks import folder_songs
    from yue.codecs.registry import CodecChoice

    weights = args.codec_path and Path(args.codec_path)
    codec = CodecChoice.of_flags(args.codec_type, weights, args.codebooks, args.device)
    if args.verify is None:
        _tokenize_folder(args.input_dir, args.output_dir, codec, args.workers or 0)
    else:
        _verify(args.output_dir, folder_songs(args.input_dir), codec, args.verify)


def _tokenize_folder(source: Path, output: Path, codec: CodecChoice, workers: int) -> None:
    """Write a folder as the stage writes ``work/codes/``."""
    from yue.codecs.audio_tracks import check_codes_folder, folder_songs
    from yue.codecs.encode_songs import tokenize_songs

    source, output = source.resolve(), output.resolve()
    check_codes_folder(source, output)
    made, left_out = tokenize_songs(partial(folder_songs, source), codec, output, workers=workers)
    converted = source if (source / "audio.jsonl").is_file() else "CONVERTED"
    next_step = (
        f"yue preprocess --data-dir {quoted(converted)} --songs-dir SONGS --codec-type "
        f"{codec.name} --codec-path {quoted(codec.weights)} makes token files of songs, codes "
        "included; `yue mmap` takes a songs.jsonl of your own that names these codes "
        "(docs/formats.md)"
    )
    rejected = left_out.describe(f"{output / 'rejected.json'}")
    print_summary("tokenize", StageSummary(made, rejected, next_step))


def _verify_project(sample: int) -> None:
    from yue.codecs.audio_tracks import project_songs
    from yue.codecs.registry import CodecChoice

    paths = project_paths()
    codec = CodecChoice.of_recipe(read_recipe(paths.params), paths.root)
    _verify(paths.codes, project_songs(paths.work), codec, sample)


def _verify(folder: Path, songs: Sequence[SongTracks], codec: CodecChoice, sample: int) -> None:
    from yue.codecs.verify import verify_codes

    if sample < 0:
        raise UsageError(f"--verify {sample}", fix="give a number of songs, or 0 for all of them")

    done = verify_codes(folder, songs, codec.load(), sample)
    print(
        f"tokenize: {counted(done.songs, 'song')} encoded again, "
        f"{done.equal:.2%} of {done.codes} codes equal",
        flush=True,
    )


VERBS = {"tokenize": Verb(EXAMPLE, _add_arguments, run)}
