"""What every decoder gives: a format and blocks of samples, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Format:
    """What a file says of itself.

    Attributes:
        sample_rate: Hertz.
        channels: How many.
    """

    sample_rate: int
    channels: int


@dataclass(frozen=True)
class Reader:
    """An open file.

    Attributes:
        format: Of its samples.
        blocks: All of them in order, once, each block of shape (samples, channels).
    """

    format: Format
    blocks: Iterator[Samples]


class Damaged(Exception):  # noqa: N818 (a state of the file; the caller names the file)
    """A file that cannot be decoded: why, and what to do. Who opened it knows its name."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.why, self.fix = why, fix


def cut_off(seconds: float) -> Damaged:
    """The error about a file that ends before its declared end."""
    return Damaged(
        f"it is cut off: it ends after {seconds:.1f} s, before the end that its header declares",
        "get the file again from where it came",
    )
