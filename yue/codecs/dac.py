"""dac16k and dac44k: the Descript Audio Codec, by Transformers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yue.codecs.about import About
from yue.codecs.card import CodecCard, Window, kept_sizes
from yue.codecs.codec_weights import CONFIG, WEIGHTS, digest_of, read_config
from yue.errors import CodecError
from yue.wording import quoted

if TYPE_CHECKING:
    from yue.codecs.dac_model import DacCodec

_VERSION = 2
_WINDOW_SECONDS = 20
# A frame hears 8 frames around it when it is encoded, 16 when it is decoded: with that much
# context, windows give what the whole track would.
_CONTEXT = 16


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


def about(name: str) -> About:
    """What is known of the codec without its weights."""
    folder = Path("models") / name
    return About(
        summary=f"Descript Audio Codec at {FACTS[name].sample_rate / 1000:g} kHz",
        sample_rate=FACTS[name].sample_rate,
        licence="MIT",
        folder=folder,
        fetch=_fetch(name, folder),
    )


def read_card(name: str, path: Path, codebooks: int | None) -> CodecCard:
    """What the codec in a folder is, without loading it.

    Raises:
        CodecError: The weights are missing or of another model.
    """
    facts = FACTS[name]
    file = descript_file(path)
    if file is None:
        check_shape(name, read_config(path, name, "dac", _fetch(name, path)), path)
    files = (path / CONFIG, path / WEIGHTS) if file is None else (file,)
    frame_rate = Fraction(facts.sample_rate, facts.hop)
    window = Window(int(_WINDOW_SECONDS * frame_rate), _CONTEXT)
    return CodecCard(
        name=name,
        digest=digest_of(name, _VERSION, *files, window=window),
        sample_rate=facts.sample_rate,
        frame_rate=frame_rate,
        codebook_sizes=kept_sizes(name, (_CODES,) * facts.codebooks, codebooks),
        window=window,
    )


def descript_file(path: Path) -> Path | None:
    """Descript's checkpoint, where that is what a path holds; None: Transformers' layout, or none.

    Raises:
        CodecError: There are several.
    """
    if path.is_file():
        return path
    files = [] if (path / CONFIG).is_file() else sorted(path.glob("*.pth"))
    if len(files) > 1:
        raise CodecError(
            f"{path}: {len(files)} checkpoints ({', '.join(file.name for file in files[:3])})",
            fix="keep one, or set codec.path to it",
        )
    return files[0] if files else None


def check_shape(name: str, config: Mapping[str, Any], where: Path) -> None:
    """Refuse a model of another shape than the released one.

    Args:
        name: The codec.
        config: As Transformers names its keys.
        where: The folder or file, for the message.

    Raises:
        CodecError: It is another model.
    """
    facts = FACTS[name]
    ratios: Any = config.get("downsampling_ratios")
    whole = isinstance(ratios, list | tuple) and all(isinstance(ratio, int) for ratio in ratios)
    found = (
        math.prod(ratios) if whole else ratios,
        config.get("n_codebooks"),
        config.get("codebook_size", _CODES),
    )
    wanted = (facts.hop, facts.model_codebooks, _CODES)
    if found != wanted:
        raise CodecError(
            f"{where}: not the model of {name}",
            why="samples a frame, codebooks and codes of each are "
            f"{' / '.join(map(str, found))}, not {' / '.join(map(str, wanted))}",
            fix=f"use the released weights: {_fetch(name, where)}",
        )


def _fetch(name: str, path: Path) -> str:
    folder = path.parent if path.is_file() else path
    return f"yue fetch {FACTS[name].repo} --output-dir {quoted(folder)}"


def load(name: str, path: Path, codebooks: int | None, device: str) -> DacCodec:
    """Load the codec; raises as :func:`read_card` does, and for damaged files."""
    card = read_card(name, path, codebooks)
    from yue.codecs.dac_model import load_dac

    return load_dac(card, path, device)
