"""Megatron's indices as the files that its readers keep in their cache.

For a data set ``<md5>-GPTDataset-{document_index,sample_index,shuffle_index}.npy``, for a blend
``<md5>-BlendedDataset-{dataset_index,dataset_sample_index}.npy``, each with a ``-description.txt``
whose MD5 it is. Names, description and bytes are those of YuE v1's ``finetune/core/datasets``, so
its scripts take the files as their own when the folder is their ``--data-cache-path``. Megatron
core of today describes a data set in other words and loads the arrays by name only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yue.dataset.gpt_index import GptOptions, blend_index, gpt_index, normalize, split_ranges
from yue.dataset.index_cache import Arrays
from yue.errors import UsageError
from yue.files import atomic_file, write_array, write_text
from yue.tokens.megatron_files import as_prefix, idx_path, read_index_file

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class IndexRequest:
    """What Megatron's data set is to draw.

    Attributes:
        samples: At least so many.
        context: Tokens of input of a sample.
        seed: Of the random numbers.
        split: Shares of the sequences of each file, ``"900,50,50"``; None for files that are a
            split each, upstream's ``--train-data-path``.
        part: "train", "valid" or "test".
        shuffle_sequences: Upstream's ``--enable-shuffle``, which its names do not tell.
    """

    samples: int
    context: int
    seed: int
    split: str | None = None
    part: str = "train"
    shuffle_sequences: bool = False


@dataclass(frozen=True)
class IndexFiles:
    """Index files of one data set, or of a blend.

    Attributes:
        prefix: Path of each up to what it is, such as ``-shuffle_index.npy``.
        description: What the files were made for, as upstream orders it.
        samples: How many samples they have.
    """

    prefix: Path
    description: Mapping[str, Any]
    samples: int


def parse_data_path(words: Sequence[str]) -> tuple[list[str], list[float]]:
    """Read upstream's ``DATA_PATH``: one prefix, or weights and prefixes in turn.

    Returns:
        Prefixes, and their weights; no weights for one prefix alone.

    Raises:
        UsageError: Words that are neither.
    """
    if len(words) == 1:
        return [*words], []
    try:
        if not words or len(words) % 2:
            raise ValueError
        return [*words[1::2]], [float(word) for word in words[::2]]
    except ValueError as error:
        raise UsageError(
            f"data path '{' '.join(words)}'",
            why="it is neither one PREFIX nor weights and prefixes in turn",
            fix="type, for example: 0.7 tokens/songs 0.3 tokens/pop",
        ) from error


def write_indices(words: Sequence[str], request: IndexRequest, folder: Path) -> list[IndexFiles]:
    """Write the indices of a data set, or those of several and of their blend.

    Args:
        words: Upstream's ``DATA_PATH``, see :func:`parse_data_path`.
        request: What is drawn.
        folder: Where the files go; those of the same names are replaced.

    Returns:
        What was written; the blend last.

    Raises:
        UsageError: A wrong data path, split or number.
        TokenFileError: An .idx cannot be read.
    """
    prefixes, weights = parse_data_path(words)
    requests: tuple[int, ...] = (request.samples,)
    if weights:
        blended = blend_index(weights, request.samples)
        requests = blended.requests
    # All are drawn before any is written: of several, one may be missing or damaged.
    drawn = [
        _draw_data_set(prefix, request, samples)
        for prefix, samples in zip(prefixes, requests, strict=True)
    ]
    if weights:
        description = {
            "class": "BlendedDataset",
            "datasets": [each.description for each in drawn],
            "weights": normalize(normalize(weights)),
            "size": len(blended.datasets),
        }
        arrays: Arrays = {
            "dataset_index": blended.datasets,
            "dataset_sample_index": blended.samples,
        }
        drawn.append(_Drawn(description, arrays, len(blended.datasets)))
    return [_write(each, folder) for each in drawn]


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Index arrays by what they are, their description, and how many samples they have."""

    description: Mapping[str, Any]
    arrays: Arrays
    samples: int


def _draw_data_set(text: str, request: IndexRequest, samples: int) -> _Drawn:
    prefix = as_prefix(Path(text))
    lengths = read_index_file(idx_path(prefix))[0].lengths
    ranges = [range(len(lengths))] * len(SPLITS)
    if request.split is not None:
        ranges = split_ranges(request.split, len(lengths))
    number = SPLITS.index(request.part)
    if number >= len(ranges):
        raise UsageError(
            f"split '{request.split}' has no share for '{request.part}'",
            fix="give a share for each of train, valid and test",
        )
    index = gpt_index(
        lengths,
        GptOptions(samples, request.context, request.seed, request.shuffle_sequences),
        sequences=ranges[number],
    )
    description = {
        "class": "GPTDataset",
        # As typed: upstream hashes the words of its command line, not where they lead.
        "path_prefix": text.removesuffix(".bin").removesuffix(".idx"),
        "num_samples": samples,
        "index_split": request.part,
        "split": request.split,
        "random_seed": request.seed,
        "sequence_length": request.context,
        "add_bos": False,
    }
    arrays: Arrays = {
        "document_index": index.documents,
        "sample_index": index.samples,
        "shuffle_index": index.shuffle,
    }
    return _Drawn(description, arrays, len(index.shuffle))


def _write(drawn: _Drawn, folder: Path) -> IndexFiles:
    text = json.dumps(drawn.description, indent=4)
    name = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    prefix = folder / f"{name}-{drawn.description['class']}"
    folder.mkdir(parents=True, exist_ok=True)
    # A reader takes the files once all of them are there, so the description goes first and comes
    # last: the name does not tell tokens apart, and those of before may be of other ones.
    path = Path(f"{prefix}-description.txt")
    path.unlink(missing_ok=True)
    for kind, array in drawn.arrays.items():
        with atomic_file(Path(f"{prefix}-{kind}.npy")) as stream:
            write_array(stream, array)
    write_text(path, text)
    return IndexFiles(prefix, drawn.description, drawn.samples)
