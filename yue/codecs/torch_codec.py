"""What codecs that are torch models share: one model, one lock, batches that fit into memory."""

from __future__ import annotations

import threading
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from yue.codecs.base import Audio, Codec
from yue.codecs.card import CodecCard

_BATCH_SECONDS = 120  # of audio in one call; a longer track goes alone


class TorchCodec(Codec):
    """A codec whose model runs on one device, for one caller at a time.

    Other threads may read and pad the next tracks meanwhile. Everything is float32 without TF32:
    half precision moves codes that are nearly tied.

    Args:
        card: What it is.
        model: In evaluation mode, on the device.
    """

    def __init__(self, card: CodecCard, model: nn.Module) -> None:
        super().__init__(card)
        self._device = next(model.parameters()).device
        self._lock = threading.Lock()

    def _encode(self, audio: Audio) -> NDArray[np.integer]:
        rows = max(1, _BATCH_SECONDS * self.sample_rate // audio.shape[1])
        with self._lock, torch.inference_mode(), _exact_convolutions():
            parts = [
                self._model_encode(torch.from_numpy(audio[start : start + rows]).to(self._device))
                for start in range(0, len(audio), rows)
            ]
            return torch.cat([part.cpu() for part in parts]).numpy()

    def _decode(self, codes: NDArray[np.int64]) -> Audio:
        with self._lock, torch.inference_mode(), _exact_convolutions():
            audio = self._model_decode(torch.from_numpy(codes).to(self._device))
            return audio.float().cpu().numpy()

    @abstractmethod
    def _model_encode(self, audio: Tensor) -> Tensor:
        """(B, T * hop) float32 to (B, K, T) int64."""

    @abstractmethod
    def _model_decode(self, codes: Tensor) -> Tensor:
        """(k, T) int64 to (T * hop,)."""


def _exact_convolutions() -> AbstractContextManager[Any]:
    flags: Any = torch.backends.cudnn.flags
    context: AbstractContextManager[Any] = flags(enabled=True, deterministic=True, allow_tf32=False)
    return context
