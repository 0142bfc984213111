"""semanticodec: two codes a frame, what is heard (semantic) and how it sounds (acoustic).

The released weights of 100 tokens a second. Audio goes in windows of 10.24 s, each encoded by
itself; a window is 64 columns of 0.16 s, a column 8 frequency bands of one frame each, low to high.
A frame is thus a place in a column and not a moment: codes are cut at whole columns alone.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yue.codecs.about import About
from yue.codecs.card import CodecCard, kept_sizes
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

SIZES = (16_384, 8192)
_VERSION = 1
_SAMPLE_RATE, _HOP = 16_000, 320


def fetch_command(path: Path) -> str:
    """How to get the weights into a folder."""
    return (
        f"yue fetch haoheliu/SemantiCodec --output-dir {quoted(path)} "
        f"--include {ENCODER} {DECODER} {CENTROIDS}"
    )


def about(name: str) -> About:
    """What is known of the codec without its weights."""
    folder = Path("models") / NAME
    return About(
        summary="semantic and acoustic codes, 100 tokens a second",
        sample_rate=_SAMPLE_RATE,
        licence="MIT; the AudioMAE weights inside have their own terms (Meta)",
        folder=folder,
        fetch=fetch_command(folder),
    )


def read_card(name: str, path: Path, codebooks: int | None) -> CodecCard:
    """What the codec in a folder is, without loading it.

    Codes come from the encoder and the centroids; the decoder is not needed to make them.

    Raises:
        CodecError: The weights are missing, or are those of another size of vocabulary.
    """
    for file in (ENCODER, CENTROIDS):
        if not (path / file).is_file():
            raise missing(path, NAME, f"there is no {file}", fetch_command(path))
    read_centroids(path)
    return CodecCard(
        name=NAME,
        digest=digest_of(NAME, _VERSION, path / ENCODER, path / CENTROIDS),
        sample_rate=_SAMPLE_RATE,
        frame_rate=Fraction(_SAMPLE_RATE, _HOP),
        codebook_sizes=kept_sizes(NAME, SIZES, codebooks),
    )


def load(name: str, path: Path, codebooks: int | None, device: str) -> SemantiCodec:
    """Load the codec; raises as :func:`read_card` does, and for damaged files."""
    card = read_card(name, path, codebooks)
    from yue.codecs.semanticodec_model import load_semanticodec

    return load_semanticodec(card, path, device)


def read_centroids(path: Path) -> NDArray[np.float32]:
    """The semantic codebook of a folder, (16384, width) float32, mapped into memory.

    Raises:
        CodecError: The file is damaged or of another size.
    """
    file = path / CENTROIDS
    try:
        centroids: NDArray[np.float32] = map_array(file)
    except (OSError, ValueError) as error:
        raise CodecError(
            f"{file}: cannot be loaded",
            why=str(error),
            fix=f"fetch it again: {fetch_command(path)}",
        ) from error
    if centroids.ndim != 2 or len(centroids) != SIZES[0] or centroids.dtype != np.float32:
        raise CodecError(
            f"{file}: {centroids.dtype} of shape {centroids.shape}",
            why=f"the vocabulary has {SIZES[0]} semantic codes, one float32 row each",
            fix=f"fetch the right one: {fetch_command(path)}",
        )
    return centroids
