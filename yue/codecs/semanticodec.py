"""semanticodec: two codes a frame, what is heard (semantic) and how it sounds (acoustic).

The released weights of 100 tokens a second. Audio goes in windows of 10.24 s, each encoded by
itself; a window is 64 columns of 0.16 s, a column 8 frequency bands of one frame each, low to high.
A frame is thus a place in a column and not a moment: codes are cut at whole columns alone.

This module reads what a folder says of its model, without torch;
:mod:`yue.codecs.semanticodec_model` runs the model.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yue.codec_facts import BUILT_IN
from yue.codecs.about import About
from yue.codecs.card import CodecCard, built_in_card
from yue.codecs.codec_weights import digest_of, missing
from yue.errors import CodecError
from yue.files import map_array
from yue.wording import quoted

if TYPE_CHECKING:
    from yue.codecs.semanticodec_model import SemantiCodec

NAME = "semanticodec"
ENCODER = "semanticodec_tokenrate_100/encoder.ckpt"
DECODER = "semanticodec_tokenrate_100/decoder.ckpt"
# Named after half of its rows.
CENTROIDS = "codebook_idx/combine_512_audioset_dominate/codebook_8192_0.npy"

_VERSION = 1
_FACTS = BUILT_IN[NAME]


def about(name: str) -> About:
    """Return what is known of the codec without its weights."""
    folder = Path("models") / NAME
    return About(
        summary="semantic and acoustic codes, 100 tokens a second",
        sample_rate=_FACTS.sample_rate,
        licence="MIT; the AudioMAE weights inside have their own terms (Meta)",
        folder=folder,
        fetch=_fetch_command(folder),
    )


def read_card(name: str, path: Path, codebooks: int | None) -> CodecCard:
    """Return what the codec in a folder is, without loading it.

    Codes come from the encoder and the centroids; the decoder is not needed to make them.

    Raises:
        CodecError: The weights are missing, or are those of another size of vocabulary.
    """
    encoder = _find_file(path, ENCODER)
    _read_centroids(path)
    return built_in_card(NAME, digest_of(NAME, _VERSION, encoder, path / CENTROIDS), codebooks)


def load(name: str, path: Path, codebooks: int | None, device: str) -> SemantiCodec:
    """Load the codec; raises as :func:`read_card` does, and for damaged files."""
    card = read_card(name, path, codebooks)
    from yue.codecs.semanticodec_model import load_semanticodec

    find_decoder = partial(_find_file, path, DECODER, ", which makes audio")
    return load_semanticodec(card, path / ENCODER, _read_centroids(path), find_decoder, device)


def _find_file(path: Path, name: str, use: str = "") -> Path:
    """Return a file of the folder.

    Raises:
        CodecError: It is missing.
    """
    if not (path / name).is_file():
        raise missing(path, NAME, f"there is no {name}{use}", _fetch_command(path))
    return path / name


def _read_centroids(path: Path) -> NDArray[np.float32]:
    """Return the semantic codebook of a folder, (16384, width) float32, mapped into memory.

    Raises:
        CodecError: The file is missing, damaged or of another size.
    """
    file = _find_file(path, CENTROIDS)
    try:
        centroids: NDArray[np.float32] = map_array(file)
    except (OSError, ValueError) as error:
        raise CodecError(
            f"{file}: cannot be loaded",
            why=str(error),
            fix=f"fetch it again: {_fetch_command(path)}",
        ) from error
    rows = _FACTS.sizes[0]
    if centroids.ndim != 2 or len(centroids) != rows or centroids.dtype != np.float32:
        raise CodecError(
            f"{file}: {centroids.dtype} of shape {centroids.shape}",
            why=f"the vocabulary has {rows} semantic codes, one float32 row each",
            fix=f"fetch the right one: {_fetch_command(path)}",
        )
    return centroids


def _fetch_command(path: Path) -> str:
    return (
        f"yue fetch haoheliu/SemantiCodec --output-dir {quoted(path)} "
        f"--include {ENCODER} {DECODER} {CENTROIDS}"
    )
