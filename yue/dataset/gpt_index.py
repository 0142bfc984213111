"""The indices of Megatron's GPT data set, number for number as YuE v1's scripts build them.

``train.packing: chop`` reads rows by them, ``yue index`` writes them as files. Upstream's unit is
the *sequence* (a header or a section), not the song.

The stream of tokens is the sequences of a split, ``epochs`` times over. Sample k is the
``sequence_length + 1`` tokens from token ``k * sequence_length`` of it. Samples are always drawn in
shuffled order; sequences are shuffled only where asked. Random numbers are those of NumPy's
``RandomState(seed)``, first for the sequences, then for the samples. Source: Megatron-LM,
``megatron/core/datasets/gpt_dataset.py``; YuE v1, ``finetune/core/datasets``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from yue.dataset.index_cache import load_or_build
from yue.errors import UsageError
from yue.files import bytes_digest, value_digest
from yue.native.gpt_arrays import RandomState, blend, sample_index

_INT32_MAX = 2**31 - 1
_FORMAT = 1  # of what is cached
# Upstream's numbers. A last epoch of which less than 80 % is wanted is shuffled by itself: its
# samples come last, and those of the full epochs are all drawn. A blend asks each data set for half
# a per cent more than its share, against running out by rounding.
_LAST_EPOCH_SHARE = 0.80
_MARGIN = 1.005


@dataclass(frozen=True)
class GptOptions:
    """What an index depends on besides the lengths of the sequences.

    Attributes:
        samples: At least so many samples.
        sequence_length: Tokens from one sample to the next.
        seed: Of the random numbers.
        shuffle_sequences: Shuffle the sequences too (upstream's ``--enable-shuffle``).
    """

    samples: int
    sequence_length: int
    seed: int
    shuffle_sequences: bool = False


@dataclass(frozen=True, eq=False)
class GptIndex:
    """The three arrays of a data set.

    Attributes:
        documents: The sequences in the order of reading, int32, shape (epochs * sequences,).
        samples: Position in ``documents`` and place in that sequence at which each sample starts;
            the last row is the end. int32 (int64 where positions do not fit), shape (N + 1, 2).
        shuffle: The order of samples, uint32 (int64 where they do not fit), shape (N,).
    """

    documents: npt.NDArray[np.int32]
    samples: npt.NDArray[Any]
    shuffle: npt.NDArray[Any]


def split_ranges(split: str, sequences: int) -> list[range]:
    """Divide sequences into splits.

    Args:
        split: Shares as upstream writes them, ``"900,50,50"``; any positive sum.
        sequences: How many there are.

    Returns:
        The sequences of each split.

    Raises:
        UsageError: Shares that are no numbers, negative, or all zero.
    """
    try:
        shares = [float(share) for share in split.split(",")]
        if not all(0 <= share < math.inf for share in shares) or not sum(shares) > 0:
            raise ValueError
    except ValueError as error:
        raise UsageError(f"split '{split}'", fix='give shares such as "900,50,50"') from error
    bounds = accumulate(normalize(shares), initial=0.0)
    edges = [round(bound * float(sequences)) for bound in bounds]
    return [range(first, last) for first, last in pairwise(edges)]


def gpt_index(
    lengths: npt.NDArray[np.int32],
    options: GptOptions,
    *,
    sequences: range | None = None,
    cache: Path | None = None,
) -> GptIndex:
    """Build the index of a data set, or take it from the cache.

    Args:
        lengths: Tokens of all sequences of the files, int32 (``TokenFiles.lengths``).
        options: See :class:`GptOptions`.
        sequences: Those of the split; all where None.
        cache: Folder for indices. An entry is found by what the index depends on: the lengths
            themselves and every option (upstream's cache is found by names, and gives the indices
            of files that were since rewritten).

    Raises:
        UsageError: The split is empty, a number is not positive, or memory cannot hold the index.
        NativeError: More sequences than int32 counts.
    """
    chosen = range(len(lengths)) if sequences is None else sequences
    if options.samples < 1 or options.sequence_length < 1:
        raise UsageError(
            f"{options.samples} samples of {options.sequence_length} tokens",
            fix="ask for one sample of one token at the least",
        )
    if not int(lengths[chosen.start : chosen.stop].sum(dtype=np.int64)):
        raise UsageError(
            f"sequences {chosen.start} to {chosen.stop} have no tokens",
            fix="give the split a larger share, or leave it out",
        )
    if cache is None:
        return _build(lengths, chosen, options)
    key = value_digest(
        {
            "format": _FORMAT,
            "lengths": bytes_digest(np.ascontiguousarray(lengths, dtype="<i4").tobytes()),
            "sequences": [chosen.start, chosen.stop],
            **asdict(options),
        }
    )
    return GptIndex(**load_or_build(cache, key, lambda: vars(_build(lengths, chosen, options))))


def _build(lengths: npt.NDArray[np.int32], chosen: range, options: GptOptions) -> GptIndex:
    sizes = lengths[chosen.start : chosen.stop]
    once, step = int(sizes.sum(dtype=np.int64)), options.sequence_length
    epochs = -(-(options.samples * step + 1) // once)
    count = (epochs * once - 1) // step
    before_last = ((epochs - 1) * once - 1) // step  # samples without the last epoch
    a_full_epoch = (once - 1) // step
    is_last_apart = epochs > 1 and options.samples - before_last < int(
        _LAST_EPOCH_SHARE * a_full_epoch
    )
    random = RandomState(options.seed)
    documents = _document_index(chosen, epochs, options, random, is_last_apart=is_last_apart)
    fits = max(len(documents), int(sizes.max())) <= _INT32_MAX
    samples = sample_index(
        sizes,
        step=step,
        rows=count + 1,
        order=documents - np.int32(chosen.start) if options.shuffle_sequences else None,
        repeats=epochs,
        dtype=np.int32 if fits else np.int64,
    )
    shuffle = np.arange(count, dtype=np.uint32 if count < 2**32 - 2 else np.int64)
    if is_last_apart:
        random.shuffle(shuffle[:before_last])
        random.shuffle(shuffle[before_last:])
    else:
        random.shuffle(shuffle)
    return GptIndex(documents, samples, shuffle)


def _document_index(
    chosen: range,
    epochs: int,
    options: GptOptions,
    random: RandomState,
    *,
    is_last_apart: bool,
) -> npt.NDArray[np.int32]:
    once = np.arange(chosen.start, chosen.stop, dtype=np.int32)
    try:
        documents = np.tile(once, epochs)
    except MemoryError as error:
        raise UsageError(
            f"{options.samples} samples of {options.sequence_length} tokens",
            why=f"they take {epochs} passes over {len(once)} sequences, which memory cannot hold",
            fix="ask for fewer samples",
        ) from error
    if options.shuffle_sequences:
        last = len(documents) - len(chosen) if is_last_apart else len(documents)
        random.shuffle(documents[:last])
        random.shuffle(documents[last:])
    return documents


@dataclass(frozen=True, eq=False)
class BlendIndex:
    """How several data sets become one.

    Attributes:
        requests: Samples that each data set must be built for.
        datasets: The data set of each sample, int16, shape (N,).
        samples: Which of its own samples that is, int64, shape (N,).
    """

    requests: tuple[int, ...]
    datasets: npt.NDArray[np.int16]
    samples: npt.NDArray[np.int64]


def blend_index(weights: Sequence[float], samples: int) -> BlendIndex:
    """Blend data sets as upstream does: each asked for half a per cent more than its share.

    Args:
        weights: Of the data sets, any positive sum.
        samples: At least so many samples.

    Returns:
        As many samples as all data sets are asked for together.

    Raises:
        UsageError: A weight is negative or no number, or all are zero.
    """
    is_usable = all(0 <= weight < math.inf for weight in weights) and sum(weights) > 0
    if not is_usable or samples < 0:
        raise UsageError(f"weights {list(weights)}", fix="give a positive number for each data set")
    shares = normalize(weights)
    requests = tuple(math.ceil(samples * share * _MARGIN) for share in shares)
    # Upstream's builder divides by the sum, and its blend does so again: of 412 weight vectors, 34
    # are blended otherwise after one division (8, 7, 6 for 2,000 samples differs from index 21 on).
    datasets, numbers = blend(np.array(normalize(shares)), sum(requests))
    return BlendIndex(requests, datasets, numbers)


def normalize(weights: Sequence[float]) -> list[float]:
    """Return weights over their sum, as upstream's ``normalize`` rounds them.

    Its ``numpy.sum`` rounds after every addition; with the exact sum of ``math.fsum``, the split
    "0.18,0.52,0.22" of 2,461 sequences had other bounds.
    """
    array = np.array(weights, dtype=np.float64)
    return [float(share) for share in array / np.sum(array)]
