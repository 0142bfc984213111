"""Codecs by name. A codec is a module with ``read_card`` and ``load``; nothing else knows it."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import Protocol, cast

from yue.codecs.base import Codec
from yue.codecs.card import CodecCard
from yue.errors import CodecError

_MODULES = {
    "melrvq": "yue.codecs.melrvq",
    "xcodec": "yue.codecs.xcodec",
    "dac16k": "yue.codecs.dac",
    "dac44k": "yue.codecs.dac",
}
CODECS = tuple(_MODULES)
"""Names of the codecs that can encode."""

DEFAULT_FOLDER = {"xcodec": "models/xcodec_mini_infer"}
"""Where a codec's weights are looked for when nobody says, other than ``models/NAME``."""

DEFAULT_CODEBOOKS = {"xcodec": 8}
"""How many codebooks are kept when nobody says, other than all."""


class _CodecModule(Protocol):
    def read_card(self, name: str, path: Path, codebooks: int | None) -> CodecCard: ...

    def load(self, name: str, path: Path, codebooks: int | None, device: str) -> Codec: ...


def read_card(name: str, path: Path, *, codebooks: int | None = None) -> CodecCard:
    """What the codec in a folder is, from its files' digests, without loading it.

    Raises:
        CodecError: No such codec, or not the weights that it needs.
    """
    return _module(name).read_card(name, path, codebooks)


def load_codec(
    name: str, path: Path, *, device: str = "cpu", codebooks: int | None = None
) -> Codec:
    """Load a codec.

    Args:
        name: melrvq, xcodec, dac16k or dac44k.
        path: The folder of its weights.
        device: Where to run it, as torch names devices.
        codebooks: How many to keep, from the first; None keeps all that the vocabulary has.

    Raises:
        CodecError: No such codec, or not the weights that it needs.
    """
    return _module(name).load(name, path, codebooks, device)


def _module(name: str) -> _CodecModule:
    if name == "semanticodec":
        raise CodecError(
            "the codec semanticodec cannot encode here",
            why="its vocabulary is known, its encoder is not part of this program",
            fix=f"use one of {', '.join(CODECS)}, or give codes that were made elsewhere to "
            "`yue mmap --songs`",
        )
    if name not in _MODULES:
        close = difflib.get_close_matches(name, CODECS, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"it is one of {', '.join(CODECS)}"
        raise CodecError(f"no codec '{name}'", fix=hint)
    return cast("_CodecModule", importlib.import_module(_MODULES[name]))
