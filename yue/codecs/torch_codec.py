"""What codecs that are torch models share: one model, one lock, batches that fit into memory."""

from __future__ import annotations

import os
import threading
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from yue.codecs.base import Audio, Codec
from yue.codecs.card import CodecCard, Window, spans
from yue.errors import CodecError

_SHARE = 0.6  # of what is free, since what a piece needs is an estimate
# In bytes. Larger batches are slower there: dac16k encoded 1.67 s of audio a core second with two
# pieces at once, and 2.36 with one (benchmarks/RESULTS.md).
_MOST_ON_CPU = 64 << 20
_CPU_SECONDS, _GPU_SECONDS = 60.0, 1800.0  # of audio that are read and encoded together


def free_bytes(device: torch.device) -> int:
    """Return the bytes that activations may take on a device now."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(_SHARE * (free + cached))
    return min(_MOST_ON_CPU, int(_SHARE * _free_main_memory()))


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that a batch was too large."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # The CPU's allocator has no error class of its own.
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def _free_main_memory() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # no such figure on macOS
        return _MOST_ON_CPU


class TorchCodec(Codec):
    """A codec whose model runs on one device, for one caller at a time.

    Everything is float32 without TF32: half precision moves codes that are nearly tied (bfloat16
    kept 65 to 79 % of xcodec's codes; benchmarks/RESULTS.md).

    Args:
        card: What it is.
        model: In evaluation mode, on the device.

    Attributes:
        bytes_a_second: Memory that a second of audio takes at most while it is encoded.
        together: Rows that the model takes at once at least; fewer cost as much.
        decode_window: How codes are cut for decoding, with enough context to change nothing.
    """

    bytes_a_second = 50_000_000
    decode_window: Window | None = None
    together: int = 1

    def __init__(self, card: CodecCard, model: nn.Module) -> None:
        super().__init__(card)
        self._device = next(model.parameters()).device
        self.device = str(self._device)
        self.batch_seconds = _CPU_SECONDS if self._device.type == "cpu" else _GPU_SECONDS
        self._lock = threading.Lock()
        self._most_seconds = float("inf")  # of a batch, since memory once ran out

    def batch_bytes(self, seconds: float) -> float:
        """Estimate the memory that one piece of audio takes while it is encoded."""
        return seconds * self.bytes_a_second

    def _encode(self, audio: Audio) -> NDArray[np.integer]:
        parts: list[Tensor] = []
        done = 0
        with self._lock, torch.inference_mode(), _exact_convolutions():
            rows = self._fitting_rows(audio)
            while done < len(audio):
                part = self._try_encode(audio[done : done + rows])
                if part is None:
                    rows = self._halve_rows(min(rows, len(audio) - done), audio)
                else:
                    parts.append(part)
                    done += len(part)
            return torch.cat(parts).numpy()

    def _fitting_rows(self, audio: Audio) -> int:
        """Count the rows that go through the model at once."""
        seconds = audio.shape[1] / self.sample_rate
        fit = free_bytes(self._device) / self.batch_bytes(seconds)
        rows = int(min(fit, self._most_seconds / seconds, len(audio)))
        return max(self.together, rows - rows % self.together)

    def _try_encode(self, audio: Audio) -> Tensor | None:
        """Return codes on the CPU, or None if memory ran out.

        The error is gone by then, and with it the tensors that it holds.
        """
        try:
            return self._model_encode(torch.from_numpy(audio).to(self._device)).cpu()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _halve_rows(self, rows: int, audio: Audio) -> int:
        """Return half the rows, and use no more from now on."""
        seconds = audio.shape[1] / self.sample_rate
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if rows == 1:
            raise CodecError(
                f"{seconds:.0f} s of audio do not fit into the memory of {self.device}",
                why=f"{self.name} encodes this much at once",
                fix="cut songs (convert.segment_length), free memory, or use runtime.device: cpu",
            )
        self._most_seconds = rows // 2 * seconds
        return rows // 2

    def _decode(self, codes: NDArray[np.int64]) -> Audio:
        hop = self.card.hop
        with self._lock, torch.inference_mode(), _exact_convolutions():
            tensor = torch.from_numpy(codes).to(self._device)
            parts = [
                self._model_decode(tensor[:, span.start : span.stop])[
                    (span.first - span.start) * hop : (span.end - span.start) * hop
                ].cpu()
                for span in spans(codes.shape[1], self.decode_window)
            ]
            return torch.cat(parts).float().numpy()

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
