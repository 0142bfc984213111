"""Which codes are used and how often, in samples and in songs: entropy, divergence, repetition.

Compared are sequences of codebook 0, one for each song and track.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yue.dataset.token_files import TokenFiles
from yue.errors import YueError
from yue.generation.sample_records import Sample
from yue.tokens.megatron_files import idx_path
from yue.tokens.roles import Role

Codes = npt.NDArray[np.int64]
Grams = npt.NDArray[np.int64]
CODED = {"vocal": Role.VOCAL, "instrumental": Role.INSTRUMENTAL}
"""The tracks that have codes, and their role in documents."""


_CODE_BITS = 16  # codes are int16 wherever they are stored


@dataclass(frozen=True)
class Corpus:
    """The songs of some token files, read one at a time.

    Attributes:
        splits: Their prefixes.
    """

    splits: tuple[Path, ...]

    def songs(self, track: str) -> Iterator[Codes]:
        """Yield codes (frames,) of a track, song by song; songs without the track are left out."""
        for prefix in self.splits:
            files = TokenFiles.open(prefix)
            for document in range(files.documents):
                tokens = files.document(document)
                codes = tokens[files.roles(tokens) == CODED[track]].astype(np.int64)
                if codes.size:
                    yield codes - files.info.codec.ids.offset


def corpus(tokens: Path, splits: Sequence[str]) -> Corpus:
    """Return the token files of those splits that have songs."""
    return Corpus(tuple(tokens / split for split in splits if idx_path(tokens / split).is_file()))


def sample_codes(sample: Sample, folder: Path, track: str) -> Codes | None:
    """Read codes (frames,) of a track of a sample; None where it was not made of codes.

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


def grams(songs: Iterable[Codes], length: int) -> Grams:
    """Write every run of ``length`` (up to 3) neighbouring codes of each song as one number."""
    found = [np.zeros(0, np.int64)]
    for codes in songs:
        runs = max(0, codes.size - length + 1)
        parts = [codes[n : n + runs] << (_CODE_BITS * n) for n in range(length)]
        found.append(np.sum(parts, axis=0, dtype=np.int64))
    return np.concatenate(found)


def entropy(found: Grams) -> float:
    """Return the Shannon entropy in bits of the runs; 0 where there are none."""
    if not len(found):
        return 0.0
    counts = np.unique(found, return_counts=True)[1]
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0


def divergence(first: Grams, second: Grams) -> float | None:
    """Return the Jensen-Shannon divergence in bits: 0 the same shares, 1 nothing in common."""
    if not len(first) or not len(second):
        return None
    _, index = np.unique(np.concatenate([first, second]), return_inverse=True)
    kinds = int(index.max()) + 1
    shares = [
        np.bincount(part, minlength=kinds) / len(part)
        for part in (index[: len(first)], index[len(first) :])
    ]
    middle = (shares[0] + shares[1]) / 2
    return float(np.clip(sum(_kl_divergence(share, middle) for share in shares) / 2, 0, 1))


def _kl_divergence(share: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Return the Kullback-Leibler divergence in bits."""
    present = share > 0
    return float((share[present] * np.log2(share[present] / other[present])).sum())


def repeats(songs: Sequence[Codes], length: int) -> npt.NDArray[np.float64]:
    """Count the runs of ``length`` codes that each song had before, and all that it has.

    Music repeats itself; a model that is stuck repeats itself more.

    Returns:
        (songs, 2); songs without a run are left out.
    """
    runs = [
        np.lib.stride_tricks.sliding_window_view(codes, length)
        for codes in songs
        if codes.size >= length
    ]
    counts = [(len(found) - len(np.unique(found, axis=0)), len(found)) for found in runs]
    return np.array(counts, dtype=np.float64).reshape(-1, 2)
