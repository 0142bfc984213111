"""xcodec, the codec of the released YuE models, in Transformers' layout or YuE's own.

This module reads what a folder says of its model, without torch; :mod:`yue.codecs.xcodec_model`
runs the model.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yue.codec_facts import BUILT_IN
from yue.codecs.about import About
from yue.codecs.card import CodecCard, built_in_card
from yue.codecs.codec_weights import CONFIG, WEIGHTS, digest_of, missing, read_config
from yue.errors import CodecError

if TYPE_CHECKING:
    from yue.codecs.xcodec_model import Xcodec

NAME = "xcodec"
YUE_CONFIG, YUE_WEIGHTS = "final_ckpt/config.yaml", "final_ckpt/ckpt_00360000.pth"

_VERSION = 1
_FETCH = (
    "yue fetch m-a-p/xcodec_mini_infer --output-dir models/xcodec_mini_infer "
    f"--include {YUE_CONFIG} {YUE_WEIGHTS}"
)
_FACTS = BUILT_IN[NAME]
_CODES = _FACTS.sizes[0]

_Shape = tuple[int, tuple[int, ...], tuple[float, ...], int]
"""What a config says: sample rate, strides of the encoder, bandwidths in kbit/s, codes."""


def about(name: str) -> About:
    """Return what is known of the codec without its weights."""
    return About(
        summary="the codec of the released YuE models",
        sample_rate=_FACTS.sample_rate,
        licence="Apache-2.0 (m-a-p/xcodec_mini_infer); its authors' code has no licence file",
        folder=Path("models/xcodec_mini_infer"),
        fetch=_FETCH,
        codebooks=8,  # YuE's stage 2 adds codebooks 1 to 7; nothing of YuE reads the last four
    )


def read_card(name: str, path: Path, codebooks: int | None) -> CodecCard:
    """Return what the codec in a folder is, without loading it.

    Raises:
        CodecError: The weights are missing, or are those of a look-alike.
    """
    files = (YUE_CONFIG, YUE_WEIGHTS) if _is_yue_folder(path) else (CONFIG, WEIGHTS)
    _read_shape(path)
    digest = digest_of(NAME, _VERSION, *(path / file for file in files))
    return built_in_card(NAME, digest, codebooks)


def load(name: str, path: Path, codebooks: int | None, device: str) -> Xcodec:
    """Load the codec; raises as :func:`read_card` does, and for damaged files."""
    card = read_card(name, path, codebooks)
    from yue.codecs.xcodec_model import load_transformers, load_yue

    if not _is_yue_folder(path):
        return load_transformers(card, path, device)
    _, ratios, bandwidths, _ = _read_shape(path)
    return load_yue(card, path / YUE_WEIGHTS, ratios, bandwidths, device)


def _is_yue_folder(path: Path) -> bool:
    """Whether a folder is laid out as m-a-p/xcodec_mini_infer."""
    return (path / YUE_WEIGHTS).is_file() or (path / YUE_CONFIG).is_file()


def _read_shape(path: Path) -> _Shape:
    """Read the folder's config, which must be that of YuE's codec.

    Raises:
        CodecError: It is missing, cannot be read, or is that of another model.
    """
    try:
        shape = _yue_shape(path) if _is_yue_folder(path) else _transformers_shape(path)
        sample_rate, ratios, bandwidths, codes = shape
        hop = math.prod(ratios)
        bits = math.ceil(sample_rate / hop) * math.ceil(math.log2(codes))  # a second, a codebook
        codebooks = int(1000 * bandwidths[-1] // bits)
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise CodecError(
            f"{path}: its config is not one of xcodec ({type(error).__name__}: {error})",
            fix=f"fetch it again: {_FETCH}",
        ) from error
    if codebooks != _FACTS.codebooks:
        raise CodecError(
            f"{path}: an xcodec of {codebooks} codebooks",
            why=f"the codec of YuE has {_FACTS.codebooks}; checkpoints with 8 (such as "
            "hf-audio/xcodec-hubert-general) look alike, but their codes mean nothing to YuE",
            fix=f"use YuE's own: {_FETCH}",
        )
    found, wanted = (sample_rate, hop, codes), (_FACTS.sample_rate, _FACTS.hop, _CODES)
    if found != wanted:
        raise CodecError(
            f"{path}: not the xcodec of YuE",
            why="sample rate, samples a frame and codes of a codebook are "
            f"{' / '.join(map(str, found))}, not {' / '.join(map(str, wanted))}",
            fix=f"use YuE's own: {_FETCH}",
        )
    return shape


def _yue_shape(path: Path) -> _Shape:
    import yaml

    for file in (YUE_CONFIG, YUE_WEIGHTS):
        if not (path / file).is_file():
            raise missing(path, NAME, f"there is no {file}", _FETCH)
    try:
        config: Any = yaml.safe_load((path / YUE_CONFIG).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    values = config["generator"]["config"]
    return (
        int(values["sample_rate"]),
        tuple(int(ratio) for ratio in values["ratios"]),
        tuple(float(bandwidth) for bandwidth in values["target_bandwidths"]),
        int(values["bins"]),
    )


def _transformers_shape(path: Path) -> _Shape:
    """Read config.json, which leaves out what is as Transformers has it."""
    values = read_config(path, NAME, "xcodec", _FETCH)
    acoustic = values.get("acoustic_model_config") or {}
    return (
        int(values.get("sample_rate", _FACTS.sample_rate)),
        tuple(int(ratio) for ratio in acoustic.get("downsampling_ratios", (8, 5, 4, 2))),
        tuple(float(bandwidth) for bandwidth in values.get("target_bandwidths", (4.0,))),
        int(values.get("codebook_size", _CODES)),
    )
