"""dac16k and dac44k: the Descript Audio Codec, in Transformers' layout or Descript's own.

This module reads what a folder says of its model, without torch; :mod:`yue.codecs.dac_model` runs
the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yue.codec_facts import BUILT_IN
from yue.codecs.about import About
from yue.codecs.card import CodecCard, Window, built_in_card
from yue.codecs.codec_weights import CONFIG, WEIGHTS, digest_of, read_config
from yue.errors import CodecError
from yue.wording import quoted

if TYPE_CHECKING:
    from yue.codecs.dac_model import DacCodec

_VERSION = 2
_REPOSITORIES = {"dac16k": "descript/dac_16khz", "dac44k": "descript/dac_44khz"}
# Of the released models: YuE's vocabulary has ids for the first 4 codebooks of dac16k alone.
_MODEL_CODEBOOKS = {"dac16k": 12, "dac44k": 9}
_WINDOW_SECONDS = 20
# The receptive field reaches 8 frames to either side in encoding, 16 in decoding: with that much
# context, windows give what the whole track would.
_CONTEXT = 16


def about(name: str) -> About:
    """Return what is known of the codec without its weights."""
    folder = Path("models") / name
    rate = BUILT_IN[name].sample_rate
    return About(
        summary=f"Descript Audio Codec at {rate / 1000:g} kHz",
        sample_rate=rate,
        licence="MIT",
        folder=folder,
        fetch=_fetch_command(name, folder),
    )


def read_card(name: str, path: Path, codebooks: int | None) -> CodecCard:
    """Return what the codec in a folder is, without loading it.

    Raises:
        CodecError: The weights are missing or of another model.
    """
    file = _descript_file(path)
    if file is None:
        _check_config(name, read_config(path, name, "dac", _fetch_command(name, path)), path)
    files = (path / CONFIG, path / WEIGHTS) if file is None else (file,)
    window = Window(int(_WINDOW_SECONDS * BUILT_IN[name].frame_rate), _CONTEXT)
    digest = digest_of(name, _VERSION, *files, window=window)
    return built_in_card(name, digest, codebooks, window)


def load(name: str, path: Path, codebooks: int | None, device: str) -> DacCodec:
    """Load the codec; raises as :func:`read_card` does, and for damaged files."""
    card = read_card(name, path, codebooks)
    from yue.codecs.dac_model import load_descript, load_transformers, read_descript

    file = _descript_file(path)
    if file is None:
        return load_transformers(card, path, device)
    config, state = read_descript(file)
    _check_config(name, config.to_dict(), file)
    return load_descript(card, file, config, state, device)


def _descript_file(path: Path) -> Path | None:
    """Return Descript's checkpoint, if that is what a path holds, and not Transformers' layout.

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


def _check_config(name: str, config: Mapping[str, Any], where: Path) -> None:
    """Refuse a model of another shape than the released one.

    Configs on the hub have had a wrong ``hop_length`` and sample rate, so neither is looked at:
    the strides say what a frame is.

    Args:
        name: The codec.
        config: As Transformers names its keys.
        where: The folder or file, for the message.

    Raises:
        CodecError: It is another model.
    """
    facts = BUILT_IN[name]
    ratios: Any = config.get("downsampling_ratios")
    whole = isinstance(ratios, list | tuple) and all(isinstance(ratio, int) for ratio in ratios)
    codes = facts.sizes[0]
    found = (
        math.prod(ratios) if whole else ratios,
        config.get("n_codebooks"),
        config.get("codebook_size", codes),
    )
    wanted = (facts.hop, _MODEL_CODEBOOKS[name], codes)
    if found != wanted:
        raise CodecError(
            f"{where}: not the model of {name}",
            why="samples a frame, codebooks and codes of each are "
            f"{' / '.join(map(str, found))}, not {' / '.join(map(str, wanted))}",
            fix=f"use the released weights: {_fetch_command(name, where)}",
        )


def _fetch_command(name: str, path: Path) -> str:
    folder = path.parent if path.is_file() else path
    return f"yue fetch {_REPOSITORIES[name]} --output-dir {quoted(folder)}"
