"""The model that finds the vocal in a mixture: its weights, and its work in chunks that overlap.

``.pt``: HDemucs of torchaudio, as in its bundles ``HDEMUCS_HIGH_MUSDB`` and ``..._PLUS``; the size
of the model is read off the tensors. ``.safetensors``: a model of the package demucs (htdemucs).
Neither file is ever executed: one is loaded as tensors only, of the other the class is checked.

Memory does not grow with the length of a song. A file is decoded and resampled by the same code as
every track: other readers keep the delay of mp3 encoders, and the vocal would be late against its
mixture. torch is imported where a model is loaded or runs, so that finding weights needs none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from yue.audio.converted_tracks import write_header
from yue.audio.decode import open_audio
from yue.audio.decoders import Samples
from yue.audio.resample import make_resampler
from yue.device import pick_device
from yue.errors import AudioError

if TYPE_CHECKING:
    import torch

GET_WEIGHTS = (
    "models/separator/README.md says where to get them; put the file into models/separator, or "
    "set separate.weights to where it is"
)
SAMPLE_RATE = 44_100
_SOURCES = ["drums", "bass", "other", "vocals"]  # the order of torchaudio's weights
_HDEMUCS_CHUNK = 10 * SAMPLE_RATE  # samples, as torchaudio's own examples have it
_DEMUCS_CLASSES = {"demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs"}
_SUFFIXES = (".pt", ".safetensors")

_OVERLAP = 4  # a chunk overlaps the next by one part in so many
_BATCH = {"cpu": 1, "cuda": 8}  # chunks at once; a CPU gains nothing from more
_BLOCK = 1 << 20  # samples


@dataclass(frozen=True)
class Separator:
    """A loaded model.

    Attributes:
        model: Takes a mixture (B, 2, N) at 44.1 kHz and gives its sources (B, S, 2, N).
        vocal: Which of the sources is the vocal.
        chunk: Samples that it takes at once.
        device: The device that it computes on.
    """

    model: torch.nn.Module
    vocal: int
    chunk: int
    device: torch.device


def find_weights(path: Path) -> Path:
    """Return the file of weights that a path means: itself, or the only one in the folder.

    Raises:
        AudioError: There is none, or more than one.
    """
    if path.is_file():
        return path
    found = [file for file in sorted(path.glob("*")) if file.suffix in _SUFFIXES]
    if len(found) == 1:
        return found[0]
    names = " and ".join(file.name for file in found[:2])
    raise AudioError(
        f"separate.weights: {path}",
        why=f"there are {names}"
        if found
        else "separate.missing is separate, and there are no weights to separate with (one .pt or "
        ".safetensors file)",
        fix="name one of the files" if found else GET_WEIGHTS,
    )


def load_separator(weights: Path, device: str) -> Separator:
    """Load a model.

    Args:
        weights: The file.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        AudioError: It is not the weights of a known model.
        YueError: CUDA is asked for and absent.
    """
    import torch

    demucs = weights.suffix == ".safetensors"
    model, sources, chunk = _load_demucs(weights) if demucs else _load_hdemucs(weights)
    place = torch.device(pick_device(device))
    return Separator(model.eval().to(place), sources.index("vocals"), chunk, place)


def _load_hdemucs(weights: Path) -> tuple[torch.nn.Module, list[str], int]:
    import torch
    from torchaudio.models import HDemucs

    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        model = HDemucs(_SOURCES, **_sizes(state))
        model.load_state_dict(state)
    except Exception as error:  # whatever a damaged file makes the unpickler run into
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AudioError(
            str(weights),
            why=f"not weights of torchaudio's HDemucs with the sources {', '.join(_SOURCES)} "
            f"({reason:.200})",
            fix=f"get it again: {GET_WEIGHTS}",
        ) from error
    return model, _SOURCES, _HDEMUCS_CHUNK


def _sizes(state: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """Return the arguments of HDemucs that these tensors are of."""
    depth = len({name.split(".")[1] for name in state if name.startswith("freq_encoder.")})
    return {
        "channels": state["freq_encoder.0.conv.weight"].shape[0],
        "depth": depth,
        # The embedding has a row for each frequency that the first layer (stride 4) leaves.
        "nfft": 8 * state["freq_emb.embedding.weight"].shape[0],
    }


def _load_demucs(weights: Path) -> tuple[Any, list[str], int]:
    try:
        from demucs.hf import load_safetensors_model
        from safetensors import safe_open
    except ImportError as error:
        raise AudioError(
            str(weights), why="it needs the package demucs", fix="pip install 'yue[demucs]'"
        ) from error
    try:
        with safe_open(str(weights), framework="pt") as file:
            metadata = file.metadata() or {}
        # The package imports and calls whatever class the file names.
        if metadata.get("klass") not in _DEMUCS_CLASSES or "structure" in metadata:
            raise ValueError(f"its class is {json.dumps(metadata.get('klass'))}")
        model = load_safetensors_model(weights)
        if model.samplerate != SAMPLE_RATE or model.audio_channels != 2:
            raise ValueError(f"{model.audio_channels} channels at {model.samplerate} Hz")
        return model, list(model.sources), int(model.segment * model.samplerate)
    except Exception as error:  # as above
        raise AudioError(
            str(weights),
            why=f"not a demucs model for stereo at 44.1 kHz ({error!s:.200})",
            fix=f"get it again: {GET_WEIGHTS}",
        ) from error


def write_vocal(
    path: Path, name: str, separator: Separator, rate: int, resampler: str, out: Path
) -> None:
    """Write the vocal of an audio file, all of it, without gain.

    Args:
        path: The file.
        name: What messages call it.
        separator: The model.
        rate: Hertz of the result.
        resampler: ``sinc_hann`` or ``soxr``.
        out: A float32 .npy to write, shape (samples,).

    Raises:
        AudioError: The file cannot be used.
    """
    scratch, raw = out.with_suffix(".mix"), out.with_suffix(".raw")
    length = _decode_stereo(path, name, resampler, scratch)
    mix = np.memmap(scratch, np.float32, "r", shape=(length, 2))
    to_rate = make_resampler(resampler, SAMPLE_RATE, rate, 1)
    with raw.open("wb") as file:
        for part in vocal_blocks(mix, separator):
            file.write(to_rate.push(part[:, None]).tobytes())
        file.write(to_rate.finish().tobytes())
    with out.open("wb") as file, raw.open("rb") as samples:
        write_header(file, raw.stat().st_size // 4, 1, "float32", mono=True)
        while block := samples.read(_BLOCK):
            file.write(block)
    scratch.unlink()
    raw.unlink()


def _decode_stereo(path: Path, name: str, resampler: str, scratch: Path) -> int:
    """Write raw stereo at the model's rate; one channel twice, many as their mean.

    Returns:
        Samples a channel.
    """
    length = 0
    with open_audio(path, name) as audio, scratch.open("wb") as out:
        convert = make_resampler(resampler, audio.format.sample_rate, SAMPLE_RATE, 2)
        for block in audio.blocks():
            stereo = block if block.shape[1] == 2 else block.mean(axis=1, keepdims=True)
            part = convert.push(np.ascontiguousarray(np.broadcast_to(stereo, (len(block), 2))))
            out.write(part.tobytes())
            length += len(part)
        part = convert.finish()
        out.write(part.tobytes())
    return length + len(part)


def vocal_blocks(mix: Samples, separator: Separator) -> Iterator[Samples]:
    """Yield the vocal as mono blocks, in all as long as the mixture (samples, 2).

    Chunks fade into each other, each with a triangle as its weight.
    """
    import torch

    chunk = separator.chunk
    hop = chunk - chunk // _OVERLAP
    mean, deviation = _statistics(mix)
    weight = _triangle_window(chunk)
    total, weights = np.zeros(chunk, np.float32), np.zeros(chunk, np.float32)
    starts = range(0, max(1, len(mix) - (chunk - hop)), hop)
    size = _BATCH[separator.device.type]
    for first in range(0, len(starts), size):
        batch = starts[first : first + size]
        chunks = np.stack([_padded_chunk(mix, start, chunk) for start in batch])
        scaled = torch.from_numpy((chunks - mean) / deviation).to(separator.device)
        with torch.inference_mode():
            vocals = separator.model(scaled)[:, separator.vocal].mean(dim=1).cpu().numpy()
        vocals = vocals * deviation + mean
        for start, vocal in zip(batch, vocals, strict=True):
            total += weight * vocal
            weights += weight
            done = hop if start != starts[-1] else len(mix) - start
            yield total[:done] / weights[:done]
            total = np.concatenate([total[hop:], np.zeros(hop, np.float32)])
            weights = np.concatenate([weights[hop:], np.zeros(hop, np.float32)])


def _padded_chunk(mix: Samples, start: int, length: int) -> Samples:
    """Return samples as the model takes them, (2, length); silence follows the end."""
    part = mix[start : start + length].T
    return np.pad(part, ((0, 0), (0, length - part.shape[1])))


def _statistics(mix: Samples) -> tuple[np.float32, np.float32]:
    """Return mean and standard deviation of the mono sum, by which these models scale."""
    total = squares = 0.0
    for start in range(0, len(mix), _BLOCK):
        mono = mix[start : start + _BLOCK].mean(axis=1, dtype=np.float64)
        total += float(mono.sum())
        squares += float(np.square(mono).sum())
    mean = total / len(mix)
    deviation = max(squares / len(mix) - mean * mean, 0.0) ** 0.5
    return np.float32(mean), np.float32(max(deviation, 1e-5))


def _triangle_window(length: int) -> Samples:
    rising = np.arange(1, length // 2 + 1)
    falling = np.arange(length - length // 2, 0, -1)
    shape: Samples = (np.concatenate([rising, falling]) / (length - length // 2)).astype(np.float32)
    return shape
