"""xcodec, the codec of the released YuE models, in Transformers' layout or YuE's own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yue.codecs.about import About
from yue.codecs.card import CodecCard, kept_sizes
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
_SAMPLE_RATE, _HOP, _CODEBOOKS, _CODES = 16_000, 320, 12, 1024


@dataclass(frozen=True)
class XcodecShape:
    """What a config says of the model.

    Attributes:
        sample_rate: Samples a second.
        ratios: Strides of the acoustic encoder.
        bandwidths: In kbit/s; the last one says how many codebooks there are.
        codes: Of each codebook.
    """

    sample_rate: int
    ratios: tuple[int, ...]
    bandwidths: tuple[float, ...]
    codes: int

    @property
    def codebooks(self) -> int:
        """How many codebooks the model has."""
        frame_rate = math.ceil(self.sample_rate / math.prod(self.ratios))
        return int(1000 * self.bandwidths[-1] // (frame_rate * math.ceil(math.log2(self.codes))))


def about(name: str) -> About:
    """What is known of the codec without its weights."""
    return About(
        summary="the codec of the released YuE models",
        sample_rate=_SAMPLE_RATE,
        licence="Apache-2.0 (m-a-p/xcodec_mini_infer); its authors' code has no licence file",
        folder=Path("models/xcodec_mini_infer"),
        fetch=_FETCH,
        codebooks=8,
    )


def is_yue_folder(path: Path) -> bool:
    """Whether a folder is laid out as m-a-p/xcodec_mini_infer."""
    return (path / YUE_WEIGHTS).is_file() or (path / YUE_CONFIG).is_file()


def read_card(name: str, path: Path, codebooks: int | None) -> CodecCard:
    """What the codec in a folder is, without loading it.

    Raises:
        CodecError: The weights are missing, or are those of a look-alike.
    """
    files = (YUE_CONFIG, YUE_WEIGHTS) if is_yue_folder(path) else (CONFIG, WEIGHTS)
    read_shape(path)
    return CodecCard(
        name=NAME,
        digest=digest_of(NAME, _VERSION, *(path / file for file in files)),
        sample_rate=_SAMPLE_RATE,
        frame_rate=Fraction(_SAMPLE_RATE, _HOP),
        codebook_sizes=kept_sizes(NAME, (_CODES,) * _CODEBOOKS, codebooks),
    )


def load(name: str, path: Path, codebooks: int | None, device: str) -> Xcodec:
    """Load the codec; raises as :func:`read_card` does, and for damaged files."""
    card = read_card(name, path, codebooks)
    from yue.codecs.xcodec_model import load_xcodec

    return load_xcodec(card, path, device)


def read_shape(path: Path) -> XcodecShape:
    """What the folder's config says.

    Raises:
        CodecError: It is missing, cannot be read, or is that of another model.
    """
    try:
        shape = _yue_shape(path) if is_yue_folder(path) else _hub_shape(path)
        _check_shape(shape, path)
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise CodecError(
            f"{path}: its config is not one of xcodec ({type(error).__name__}: {error})",
            fix=f"fetch it again: {_FETCH}",
        ) from error
    return shape


def _yue_shape(path: Path) -> XcodecShape:
    import yaml

    for file in (YUE_CONFIG, YUE_WEIGHTS):
        if not (path / file).is_file():
            raise missing(path, NAME, f"there is no {file}", _FETCH)
    try:
        config: Any = yaml.safe_load((path / YUE_CONFIG).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    values = config["generator"]["config"]
    return XcodecShape(
        int(values["sample_rate"]),
        tuple(int(ratio) for ratio in values["ratios"]),
        tuple(float(bandwidth) for bandwidth in values["target_bandwidths"]),
        int(values["bins"]),
    )


def _hub_shape(path: Path) -> XcodecShape:
    values = read_config(path, NAME, "xcodec", _FETCH)
    acoustic = values.get("acoustic_model_config") or {}
    return XcodecShape(
        int(values.get("sample_rate", _SAMPLE_RATE)),
        tuple(int(ratio) for ratio in acoustic.get("downsampling_ratios", (8, 5, 4, 2))),
        tuple(float(bandwidth) for bandwidth in values.get("target_bandwidths", (4.0,))),
        int(values.get("codebook_size", _CODES)),
    )


def _check_shape(shape: XcodecShape, path: Path) -> None:
    if shape.codebooks != _CODEBOOKS:
        raise CodecError(
            f"{path}: an xcodec of {shape.codebooks} codebooks",
            why=f"the codec of YuE has {_CODEBOOKS}; checkpoints with 8 (such as "
            "hf-audio/xcodec-hubert-general) look alike, but their codes mean nothing to YuE",
            fix=f"use YuE's own: {_FETCH}",
        )
    found = (shape.sample_rate, math.prod(shape.ratios), shape.codes)
    if found != (_SAMPLE_RATE, _HOP, _CODES):
        raise CodecError(
            f"{path}: not the xcodec of YuE",
            why="sample rate, samples a frame and codes of a codebook are "
            f"{' / '.join(map(str, found))}, not {_SAMPLE_RATE} / {_HOP} / {_CODES}",
            fix=f"use YuE's own: {_FETCH}",
        )
