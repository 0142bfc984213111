"""dac16k and dac44k: the Descript Audio Codec, by Transformers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from yue.codecs.card import CodecCard, kept_sizes
from yue.codecs.hub_files import CONFIG, WEIGHTS, digest_of, read_config
from yue.errors import CodecError

if TYPE_CHECKING:
    from yue.codecs.dac_model import DacCodec

_VERSION = 1


@dataclass(frozen=True)
class DacFacts:
    """A released model.

    Attributes:
        repo: Where it is.
        sample_rate: Of its audio. (Configs on the hub have had a wrong one.)
        hop: Samples of a frame. (Configs on the hub have had a wrong ``hop_length``.)
        model_codebooks: How many the model has.
        codebooks: How many the vocabulary has.
    """

    repo: str
    sample_rate: int
    hop: int
    model_codebooks: int
    codebooks: int


FACTS = {
    "dac16k": DacFacts("descript/dac_16khz", 16_000, 320, 12, 4),
    "dac44k": DacFacts("descript/dac_44khz", 44_100, 512, 9, 9),
}
_CODES = 1024


def read_card(name: str, path: Path, codebooks: int | None) -> CodecCard:
    """What the codec in a folder is, without loading it.

    Raises:
        CodecError: The weights are missing or of another model.
    """
    facts = FACTS[name]
    fetch = f"yue fetch {facts.repo} --output-dir {path}"
    config = read_config(path, name, "dac", fetch)
    found = (
        math.prod(config.get("downsampling_ratios", ())),
        config.get("n_codebooks"),
        config.get("codebook_size", _CODES),
    )
    wanted = (facts.hop, facts.model_codebooks, _CODES)
    if found != wanted:
        raise CodecError(
            f"{path}: not the model of {name}",
            why="samples a frame, codebooks and codes of each are "
            f"{' / '.join(map(str, found))}, not {' / '.join(map(str, wanted))}",
            fix=f"use the released weights: {fetch}",
        )
    return CodecCard(
        name=name,
        digest=digest_of(name, _VERSION, path / CONFIG, path / WEIGHTS),
        sample_rate=facts.sample_rate,
        frame_rate=Fraction(facts.sample_rate, facts.hop),
        codebook_sizes=kept_sizes(name, (_CODES,) * facts.codebooks, codebooks),
    )


def load(name: str, path: Path, codebooks: int | None, device: str) -> DacCodec:
    """Load the codec; raises as :func:`read_card` does, and for damaged files."""
    card = read_card(name, path, codebooks)
    from yue.codecs.dac_model import load_dac

    return load_dac(card, path, device)


def spans(frames: int, window: int, context: int) -> Iterator[tuple[int, int, int, int]]:
    """Windows that cover ``frames``: (first read, first kept, end kept, end read)."""
    for first in range(0, frames, window):
        end = min(first + window, frames)
        yield max(0, first - context), first, end, min(end + context, frames)
