"""Weights that others have released: where they are, and which files of them are missing here.

They are inputs, never outputs of a stage: DVC removes outputs before a stage runs, and with them
weights that somebody has copied into place, or the first ten gigabytes of a download.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from yue.wording import quoted

_FOLDER = "models"
_INDEX = "model.safetensors.index.json"  # the one that loaders read


@dataclass(frozen=True)
class Released:
    """A repository of weights on the Hugging Face hub.

    Attributes:
        name: Of the folder in ``models/`` that holds them, as ready recipes name it.
        repo: Its hub id, ``organisation/name``.
        include: Patterns of the files to download.
        layouts: Ways to lay the weights out, each as patterns that all must match a file; the
            weights are complete when those of one layout are.
    """

    name: str
    repo: str
    include: tuple[str, ...]
    layouts: tuple[tuple[str, ...], ...]

    def fetch_command(self, folder: Path | str) -> str:
        """Return the command that downloads the weights, or goes on where a download stopped."""
        include = " ".join(quoted(pattern) for pattern in self.include)
        return f"yue fetch {self.repo} --output-dir {quoted(folder)} --include {include}"


def _language_model(name: str) -> Released:
    files = ("*.json", "*.model", "*.safetensors")
    return Released(name, f"m-a-p/{name}", files, (("config.json", "*.safetensors"),))


RELEASED = {
    weights.name: weights
    for weights in (
        _language_model("YuE-s1-7B-anneal-en-cot"),
        _language_model("YuE-s1-7B-anneal-en-icl"),
        _language_model("YuE-s2-1B-general"),
        Released(
            "xcodec_mini_infer",
            "m-a-p/xcodec_mini_infer",
            ("final_ckpt/config.yaml", "final_ckpt/ckpt_00360000.pth", "decoders/*.pth"),
            (
                ("final_ckpt/config.yaml", "final_ckpt/ckpt_00360000.pth"),
                ("config.json", "*.safetensors"),  # as Transformers lays the same model out
            ),
        ),
        Released(
            "semanticodec",
            "haoheliu/SemantiCodec",
            (
                "semanticodec_tokenrate_100/*.ckpt",
                "codebook_idx/combine_512_audioset_dominate/codebook_8192_0.npy",
            ),
            (
                (
                    "semanticodec_tokenrate_100/encoder.ckpt",
                    "codebook_idx/combine_512_audioset_dominate/codebook_8192_0.npy",
                ),
            ),
        ),
    )
}
"""By the name of their folder."""


def released_at(path: str) -> tuple[Released, str] | None:
    """Return the released weights that a recipe's path lies in, and their folder.

    Args:
        path: As a recipe names it: the folder itself, or a file such as its tokenizer. Only
            ``models/`` of a project is looked at: what is elsewhere is the user's own.
    """
    parts = PurePosixPath(path).parts
    if len(parts) < 2 or parts[0] != _FOLDER:
        return None
    for place, part in enumerate(parts[1:], 1):
        if part in RELEASED:
            return RELEASED[part], "/".join(parts[: place + 1])
    return None


def missing_files(weights: Released, folder: Path) -> tuple[str, ...]:
    """Return what a folder lacks of released weights; nothing when one layout is complete.

    A sharded model is complete when every shard that its index names is there.

    Returns:
        Patterns and file names, of the layout that lacks least.
    """
    return min((_missing_of(layout, folder) for layout in weights.layouts), key=len)


def _missing_of(layout: Iterable[str], folder: Path) -> tuple[str, ...]:
    lacks = [pattern for pattern in layout if not any(map(_is_file, folder.glob(pattern)))]
    if "*.safetensors" in layout:
        named = _shards(folder)
        lacks = [pattern for pattern in lacks if not named or pattern != "*.safetensors"]
        lacks += [shard for shard in named if not _is_file(folder / shard)]
    return tuple(lacks)


def _is_file(path: Path) -> bool:
    """Return whether there is a file; what is not ours to read counts as absent."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _shards(folder: Path) -> list[str]:
    """Return the file names that the index of a sharded model lists, in order."""
    if not _is_file(folder / _INDEX):
        return []
    try:
        listed = json.loads((folder / _INDEX).read_text(encoding="utf-8"))["weight_map"]
        return sorted({str(shard) for shard in listed.values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []  # the model's own loader names what is wrong with it
