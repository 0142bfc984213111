"""The token files that a recipe mixes: found by name, opened, checked against one another."""

from __future__ import annotations

from pathlib import Path

from yue.dataset.token_files import TokenFiles
from yue.errors import TrainingError
from yue.recipe.mixing import SONGS, numbers_of
from yue.recipe.model import Mix
from yue.tokens.megatron_files import idx_path, info_path
from yue.tokens.vocabulary import codec_range


def open_datasets(mix: Mix, songs: Path) -> dict[str, TokenFiles]:
    """Open the token files of a mixture by name, in the recipe's order.

    Args:
        mix: The recipe's section.
        songs: Prefix of the project's own token files.

    Raises:
        TrainingError: There is no such dataset, or two do not go together.
        TokenFileError: Files are damaged.
    """
    prefixes = {name: _find_prefix(mix, name, songs) for name in numbers_of(mix.datasets)}
    # Files that another program wrote do not say which codec they are of: the others' it is.
    described = [path for path in prefixes.values() if info_path(path).is_file()]
    if not described:
        raise TrainingError(
            f"mix.datasets: none of {', '.join(prefixes)} has a .json, so nothing says whose codes "
            "they hold",
            fix=f"let one of them be written by `yue mmap`, such as {SONGS}",
        )
    known = TokenFiles.open(described[0])
    codec = codec_range(known.info.codec.name)
    found = {
        name: TokenFiles.open(path, codec=None if info_path(path).is_file() else codec)
        for name, path in prefixes.items()
    }
    for name, files in found.items():
        _check_match(known, name, files)
    return found


def _find_prefix(mix: Mix, name: str, songs: Path) -> Path:
    """Find a dataset's token files: in a folder of its own, or all in one folder."""
    if name == SONGS:
        if not idx_path(songs).is_file():
            raise TrainingError(
                f"no token files {songs}.bin and .idx",
                why="they are what is trained on",
                fix="`yue mmap` or `yue preprocess` writes them; in a project, `dvc repro mmap`",
            )
        return songs
    folder = Path(mix.folder)
    for prefix in (folder / name / "train", folder / name):
        if idx_path(prefix).is_file():
            return prefix
    there = sorted({path.parent.name for path in folder.glob("*/train.idx")})
    there += sorted(path.stem for path in folder.glob("*.idx"))
    raise TrainingError(
        f"mix.datasets: no dataset '{name}' in {mix.folder}",
        why=f"neither {name}/train.idx nor {name}.idx is there",
        fix=f"name one that is: {', '.join(there)}" if there else "see corpora/README.md",
    )


def _check_match(known: TokenFiles, name: str, files: TokenFiles) -> None:
    """Check that a dataset's ids mean what they mean in another.

    Raises:
        TrainingError: They do not.
    """
    ours, theirs = known.info, files.info
    pairs = {
        "codec": (ours.codec.name, theirs.codec.name),
        "weights of the codec": (ours.codec.digest, theirs.codec.digest),
        "tokenizer": (ours.tokenizer_digest, theirs.tokenizer_digest),
    }
    for what, (first, second) in pairs.items():
        if first and second and first != second:
            raise TrainingError(
                f"mix.datasets: '{name}' ({files.prefix}) has another {what} than {known.prefix}",
                why=f"{second[:16]} and {first[:16]}: the same ids mean something else in each",
                fix="write both with the same codec and tokenizer, or leave one out",
            )
