"""A reader of Megatron's indexed datasets: the published table and NumPy, nothing of this project.

It answers as Megatron-LM's ``IndexedDataset`` does: item ``i`` is sequence ``i``, and
``document_indices`` say at which sequence each document starts.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

DTYPES = {1: "<u1", 2: "<i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f8", 7: "<f4", 8: "<u2"}


class MegatronReader:
    def __init__(self, prefix: Path) -> None:
        index = prefix.with_name(f"{prefix.name}.idx").read_bytes()
        assert index[:9] == b"MMIDIDX\0\0"
        assert int.from_bytes(index[9:17], "little") == 1
        self.dtype = np.dtype(DTYPES[index[17]])
        count = int.from_bytes(index[18:26], "little")
        marks = int.from_bytes(index[26:34], "little")
        at = 34
        self.sequence_lengths = np.frombuffer(index, "<i4", count, at)
        self.sequence_pointers = np.frombuffer(index, "<i8", count, at + 4 * count)
        self.document_indices = np.frombuffer(index, "<i8", marks, at + 12 * count)
        assert len(index) == at + 12 * count + 8 * marks
        assert self.document_indices[-1] == count  # Megatron's own assertion
        self.tokens = prefix.with_name(f"{prefix.name}.bin").read_bytes()

    def __len__(self) -> int:
        return len(self.sequence_lengths)

    def __getitem__(self, place: int) -> np.ndarray:
        start, count = int(self.sequence_pointers[place]), int(self.sequence_lengths[place])
        return np.frombuffer(self.tokens, self.dtype, count, start)

    def documents(self) -> list[list[np.ndarray]]:
        spans = pairwise(self.document_indices.tolist())
        return [[self[place] for place in range(first, last)] for first, last in spans]
