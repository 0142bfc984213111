"""Upstream's data sets restated in plain Python, token by token, with NumPy's random numbers.

Sources: YuE v1, ``finetune/core/datasets/{gpt_dataset,blended_dataset,utils}.py`` and
``blended_megatron_dataset_builder.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from yue.dataset.gpt_index import GptOptions
from yue.dataset.token_files import TokenFiles
from yue.recipe.model import Train


def restated(lengths: Sequence[int], options: GptOptions) -> dict[str, list[Any]]:
    """The three arrays of ``GPTDataset``."""
    once, step = sum(lengths), options.sequence_length
    epochs = 1
    while epochs * once < options.samples * step + 1:
        epochs += 1
    count, before = (epochs * once - 1) // step, ((epochs - 1) * once - 1) // step
    apart = epochs > 1 and options.samples - before < int(0.8 * ((once - 1) // step))
    random = np.random.RandomState(options.seed)
    documents = np.arange(len(lengths) * epochs) % len(lengths)
    if options.shuffle_sequences:
        cut = len(documents) - len(lengths) if apart else len(documents)
        random.shuffle(documents[:cut])
        random.shuffle(documents[cut:])
    stream = [(p, place) for p, d in enumerate(documents) for place in range(lengths[d])]
    shuffle = np.arange(count)
    cut = before if apart else count
    random.shuffle(shuffle[:cut])
    random.shuffle(shuffle[cut:])
    samples = [list(stream[k * step]) for k in range(count + 1)]
    samples[0] = [0, 0]
    return {"documents": documents.tolist(), "samples": samples, "shuffle": shuffle.tolist()}


def restated_samples(sequences: Sequence[Sequence[int]], options: GptOptions) -> list[list[int]]:
    """The items of ``GPTDataset`` in order: one token more than its sequence length each."""
    index, step = restated([len(s) for s in sequences], options), options.sequence_length
    stream = [token for d in index["documents"] for token in sequences[d]]
    return [stream[k * step : (k + 1) * step + 1] for k in index["shuffle"]]


def normalize(weights: Sequence[float]) -> list[float]:
    """As ``normalize``."""
    array = np.array(weights, dtype=np.float64)
    return (array / np.sum(array)).tolist()


def restated_requests(weights: Sequence[float], samples: int) -> list[int]:
    """What ``BlendedMegatronDatasetBuilder`` builds each data set for."""
    return [math.ceil(samples * share * 1.005) for share in normalize(weights)]


def restated_blend(weights: Sequence[float], samples: int) -> tuple[list[int], list[int]]:
    """The two arrays of ``BlendedDataset``, which normalizes what its builder has normalized."""
    shares = normalize(normalize(weights))
    used, sets, numbers = [0] * len(shares), [], []
    for k in range(sum(restated_requests(weights, samples))):
        lacking = [share * max(k, 1) - n for share, n in zip(shares, used, strict=True)]
        chosen = lacking.index(max(lacking))
        sets.append(chosen)
        numbers.append(used[chosen])
        used[chosen] += 1
    return sets, numbers


def sequences_of(files: TokenFiles) -> list[list[int]]:
    """Headers and sections, in order."""
    found = []
    for document in range(files.documents):
        cuts = np.cumsum(files.sequence_lengths(document))[:-1]
        found += [part.tolist() for part in np.split(files.document(document), cuts)]
    return found


def upstream_epoch(
    files: Sequence[TokenFiles], rounds: Sequence[str], train: Train
) -> list[list[int]]:
    """The items of upstream's data set over these files, one token longer than rows are."""
    length = train.context_length
    exact = [file.tokens * Fraction(number) for file, number in zip(files, rounds, strict=True)]
    samples = max(math.floor((sum(exact) - 1) / length), 1)
    if len(files) == 1:
        options = GptOptions(samples, length, train.seed)
        return restated_samples(sequences_of(files[0]), options)[:samples]
    weights = [int(tokens) for tokens in exact]
    own = [
        restated_samples(sequences_of(file), GptOptions(max(request, 1), length, train.seed))
        for file, request in zip(files, restated_requests(weights, samples), strict=True)
    ]
    return [
        own[number][sample % len(own[number])]
        for number, sample in zip(*restated_blend(weights, samples), strict=True)
    ]
