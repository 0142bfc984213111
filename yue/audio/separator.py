"""A model that finds the vocal in a mixture, from a file of weights.

``.pt``: HDemucs of torchaudio, as in its bundles ``HDEMUCS_HIGH_MUSDB`` and ``..._PLUS``; the size
of the model is read off the tensors. ``.safetensors``: a model of the package demucs (htdemucs).
Neither file is ever executed: one is loaded as tensors only, of the other the class is checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from yue.audio.estimates import GET_WEIGHTS
from yue.errors import AudioError

SAMPLE_RATE = 44_100
_SOURCES = ["drums", "bass", "other", "vocals"]  # the order of torchaudio's weights
_HDEMUCS_CHUNK = 10 * SAMPLE_RATE  # samples, as torchaudio's own examples have it
_DEMUCS_CLASSES = {"demucs.htdemucs.HTDemucs", "demucs.hdemucs.HDemucs"}


@dataclass(frozen=True)
class Separator:
    """A loaded model.

    Attributes:
        model: Takes a mixture (B, 2, N) at 44.1 kHz and gives its sources (B, S, 2, N).
        vocal: Which of the sources is the vocal.
        chunk: Samples that it takes at once.
        device: Where it is.
    """

    model: torch.nn.Module
    vocal: int
    chunk: int
    device: torch.device


def load_separator(weights: Path, device: str) -> Separator:
    """Load a model.

    Args:
        weights: The file.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        AudioError: It is not the weights of a known model.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    demucs = weights.suffix == ".safetensors"
    model, sources, chunk = _load_demucs(weights) if demucs else _load_hdemucs(weights)
    place = torch.device(device)
    return Separator(model.eval().to(place), sources.index("vocals"), chunk, place)


def _load_hdemucs(weights: Path) -> tuple[torch.nn.Module, list[str], int]:
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
    """The arguments of HDemucs that these tensors are of."""
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
