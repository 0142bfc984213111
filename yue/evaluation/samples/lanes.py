"""The code sequences that are compared: one for each song and track, codebook 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yue.dataset.reader import TokenFiles
from yue.errors import YueError
from yue.generation.records import Sample
from yue.tokens.megatron import idx_path
from yue.tokens.roles import Role

Codes = npt.NDArray[np.int64]
CODED = {"vocal": Role.VOCAL, "instrumental": Role.INSTRUMENTAL}
"""The tracks that have codes, and their role in documents."""


@dataclass(frozen=True)
class Corpus:
    """The songs of some token files.

    Attributes:
        splits: Their prefixes.
    """

    splits: tuple[Path, ...]

    def songs(self, track: str) -> Iterator[Codes]:
        """Codes (frames,) of a track, song by song; songs without the track are left out."""
        for prefix in self.splits:
            files = TokenFiles.open(prefix)
            for document in range(files.documents):
                tokens = files.document(document)
                codes = tokens[files.roles(tokens) == CODED[track]].astype(np.int64)
                if codes.size:
                    yield codes - files.info.codec.ids.offset


def corpus(tokens: Path, splits: Sequence[str]) -> Corpus:
    """The token files of those splits that have songs."""
    return Corpus(tuple(tokens / split for split in splits if idx_path(tokens / split).is_file()))


def sample_codes(sample: Sample, folder: Path, track: str) -> Codes | None:
    """Codes (frames,) of a track of a sample; None where it was not made of codes.

    Raises:
        YueError: Its file is missing or damaged.
    """
    if sample.codes is None or track not in CODED:
        return None
    path = folder / sample.codes
    try:
        with np.load(path, allow_pickle=False) as arrays:
            codes = arrays[track]
    except (OSError, ValueError, KeyError) as error:
        raise YueError(
            f"{path}: cannot be read ({error})", fix="run `dvc repro generate`"
        ) from error
    return np.asarray(np.atleast_2d(codes)[0], dtype=np.int64)
