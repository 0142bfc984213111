"""melrvq, the embedded codec: residual k-means on log-mel frames, decoded by Griffin-Lim.

It needs no download, no GPU and no torch, and is fitted to a few minutes of audio in seconds. It
keeps how music sounds (codebook 0 alone carries the spectral envelope), not its waveform. On
held-out music its mel distance was 0.16 with 8 codebooks of 512 and 0.26 with one of 1024, where
residual quantisation of an MDCT had 0.41 with 12 and a small neural codec, trained for two minutes
on two cores, 0.57.

Frames and codebooks hold whole numbers in float32 with squared lengths below 2**22 or so; then
every product and sum is a whole number below 2**24, which float32 holds exactly in whatever order
it is taken. So codes do not depend on threads or batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yue.codec_facts import BUILT_IN
from yue.codecs.about import About
from yue.codecs.base import Audio, Codec
from yue.codecs.card import CodecCard, kept_sizes
from yue.codecs.melrvq_mel import MelShape, audio_from_bands, band_levels, log_mel, one_blas_thread
from yue.errors import CodecError, YueError
from yue.files import atomic_folder, bytes_digest, read_json, value_digest, write_json

NAME = "melrvq"
_FACTS = BUILT_IN[NAME]
SHAPE = MelShape(_FACTS.sample_rate, n_fft=1024, hop=_FACTS.hop, mels=96)

Vectors = NDArray[np.float32]
Map = Callable[[Callable[[slice], None], Iterable[slice]], Iterable[None]]

_VERSION = 1  # of the arithmetic between audio and codes; part of the digest
_SEED = 0  # of the phases that decoding invents
_CHUNK = 1024  # vectors that are compared with a codebook at once
_CONFIG, _WEIGHTS, _FIT = "config.json", "codebooks.safetensors", "fit.json"


@dataclass(frozen=True)
class Fit:
    """What a fit was made of and how good it is.

    Attributes:
        seconds: Audio that the codebooks were fitted to.
        held_out_seconds: Audio that the distances were measured on, not fitted to.
        frames: Frames that k-means saw.
        fitted_sizes: Rows of each codebook that k-means placed.
        data_digest: Of the audio.
        seed: Of the fit.
        mel_distance: Held-out distance (``yue.codecs.melrvq_mel``) by number of codebooks.
    """

    seconds: float
    held_out_seconds: float
    frames: int
    fitted_sizes: tuple[int, ...]
    data_digest: str
    seed: int
    mel_distance: dict[str, float]


class MelRvq(Codec):
    """The codec with its codebooks.

    Args:
        card: What it is.
        shape: How audio becomes frames.
        tables: Codebooks (size, mels), whole numbers; rows that a fit left empty repeat row 0.
        fitted: Rows of each codebook that are ever chosen.
        report: Of the fit, where it was just made.
    """

    def __init__(
        self,
        card: CodecCard,
        shape: MelShape,
        tables: Sequence[Vectors],
        fitted: Sequence[int],
        report: Fit | None = None,
    ) -> None:
        super().__init__(card)
        one_blas_thread()
        self.shape, self.tables, self.fitted, self.report = shape, tables, fitted, report

    def _encode(self, audio: Audio) -> NDArray[np.integer]:
        books = [table[:rows] for table, rows in zip(self.tables, self.fitted, strict=True)]
        return np.stack([quantize(log_mel(track, self.shape), books) for track in audio])

    def _decode(self, codes: NDArray[np.int64]) -> Audio:
        frames = sum(table[ids] for table, ids in zip(self.tables, codes, strict=False))
        return audio_from_bands(band_levels(np.asarray(frames)), self.shape, _SEED)

    def save(self, folder: Path) -> None:
        """Write the codec (config.json, codebooks.safetensors, fit.json), whole or not at all."""
        from safetensors.numpy import save_file

        with atomic_folder(folder) as new:
            tensors = {f"codebook.{k}": t.astype(np.int16) for k, t in enumerate(self.tables)}
            save_file(tensors, new / _WEIGHTS)
            (new / _WEIGHTS).chmod(0o644)  # it comes as 0600
            write_json(new / _CONFIG, _config(self.shape, self.codebook_sizes, self.fitted))
            if self.report is not None:
                write_json(new / _FIT, asdict(self.report))


def make_codec(
    shape: MelShape,
    tables: Sequence[Vectors],
    fitted: Sequence[int],
    *,
    codebooks: int | None = None,
    report: Fit | None = None,
) -> MelRvq:
    """Make a codec of these codebooks, of which the first ``codebooks`` are kept."""
    sizes = tuple(len(table) for table in tables)
    kept = kept_sizes(NAME, sizes, codebooks)
    digest = bytes_digest(
        value_digest(_config(shape, sizes, fitted)),
        *(table.astype("<i2").tobytes() for table in tables),
    )
    rate = Fraction(shape.sample_rate, shape.hop)
    card = CodecCard(NAME, digest, shape.sample_rate, rate, kept)
    return MelRvq(card, shape, tables[: len(kept)], fitted[: len(kept)], report)


def about(name: str) -> About:
    """Return what is known of the codec without its weights."""
    return About(
        summary="embedded: log-mel frames in residual codebooks, needs no download",
        sample_rate=SHAPE.sample_rate,
        licence="your own: it is fitted to your audio",
        folder=Path("demo/work/codec"),
        fetch="yue fit-codec --input-dir AUDIO --output-dir FOLDER",
    )


def load(name: str, path: Path, codebooks: int | None, device: str) -> MelRvq:
    """Load the codec from a folder that :meth:`MelRvq.save` wrote; it always runs on the CPU.

    Raises:
        CodecError: The folder has none, or a damaged one, or one with fewer codebooks.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not (path / _CONFIG).is_file() or not (path / _WEIGHTS).is_file():
        raise CodecError(
            f"no {NAME} codec in {path}",
            why=f"such a folder has {_CONFIG} and {_WEIGHTS}",
            fix="fit one: yue fit-codec --input-dir AUDIO --output-dir FOLDER, and give FOLDER as "
            "codec.path (--codec-path); the demo's is made by `dvc repro`",
        )
    try:
        config = read_json(path / _CONFIG)
        if (config["codec"], config["version"]) != (NAME, _VERSION):
            raise ValueError(f"codec {config['codec']!r}, version {config['version']!r}")
        shape = MelShape(*(int(config[key]) for key in ("sample_rate", "n_fft", "hop", "mels")))
        tensors = load_file(path / _WEIGHTS)
        sizes, fitted = config["codebook_sizes"], tuple(config["fitted_sizes"])
        names = [f"codebook.{k}" for k in range(len(sizes))]
        if tensors.keys() != set(names) or any(t.dtype != np.int16 for t in tensors.values()):
            raise ValueError(f"{_WEIGHTS} has other tensors than {len(sizes)} codebooks of int16")
        tables = [tensors[name].astype(np.float32) for name in names]
        for table, size, rows in zip(tables, sizes, fitted, strict=True):
            if table.shape != (size, shape.mels) or rows not in range(1, size + 1):
                raise ValueError(f"a codebook of shape {table.shape}, {rows} rows of {size} fitted")
        if not 0 < shape.hop <= shape.n_fft or shape.sample_rate <= 0:
            raise ValueError(f"no frames: {shape}")
    except (
        SafetensorError, YueError, KeyError, TypeError, ValueError, ArithmeticError, OSError
    ) as error:  # fmt: skip
        raise CodecError(
            f"{path}: not a usable {NAME} codec",
            why=f"{type(error).__name__}: {error}",
            fix="fit it again: yue fit-codec",
        ) from error
    return make_codec(shape, tables, fitted, codebooks=codebooks)


def read_card(name: str, path: Path, codebooks: int | None) -> CodecCard:
    """Return what the codec in a folder is; raises as :func:`load` does."""
    return load(name, path, codebooks, "cpu").card


def _config(shape: MelShape, sizes: Sequence[int], fitted: Sequence[int]) -> dict[str, Any]:
    return {
        "codec": NAME,
        "version": _VERSION,
        **asdict(shape),
        "codebook_sizes": list(sizes),
        "fitted_sizes": list(fitted),
    }


def quantize(vectors: Vectors, codebooks: list[Vectors]) -> NDArray[np.int64]:
    """Return codes (K, N) of vectors (N, D), each codebook coding what the ones before it left."""
    rest = vectors.copy()
    codes = np.empty((len(codebooks), len(vectors)), np.int64)
    for place, codebook in enumerate(codebooks):
        codes[place] = nearest_rows(rest, codebook)
        rest -= codebook[codes[place]]
    return codes


def nearest_rows(vectors: Vectors, codebook: Vectors, spread: Map = map) -> NDArray[np.int64]:
    """Return the index of each vector's nearest codebook row, the first of equals.

    Args:
        vectors: (N, D) whole numbers.
        codebook: (K, D) whole numbers.
        spread: ``map``, or a thread pool's.

    Returns:
        (N,) indices.
    """
    lengths = (codebook * codebook).sum(axis=1)
    twice = np.ascontiguousarray(2 * codebook.T)
    found = np.empty(len(vectors), np.int64)

    def search(part: slice) -> None:
        found[part] = (lengths - vectors[part] @ twice).argmin(axis=1)

    parts = (slice(start, start + _CHUNK) for start in range(0, len(vectors), _CHUNK))
    for _ in spread(search, parts):
        pass
    return found
