"""Which places of the stream of rows each data-parallel process reads, batch by batch.

The state is one number, the rows that all processes have read together, so a run goes on exactly
there, with another number of processes or rows a step if need be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """One process's share of the rows.

    Attributes:
        rank: Number of the process.
        size: How many there are; divides ``batch_size``.
        batch_size: Rows of a step over all processes.
        micro_batch_size: Most rows of a forward pass.
    """

    rank: int
    size: int
    batch_size: int
    micro_batch_size: int

    @property
    def rows(self) -> int:
        """Rows of a step in this process."""
        return self.batch_size // self.size

    @property
    def micro_batches(self) -> int:
        """Forward passes of a step; the same in every process."""
        return -(-self.rows // self.micro_batch_size)

    def places(self, step: int) -> list[range]:
        """Places in the stream of rows, one range for each forward pass of a step."""
        return self.places_from(step * self.batch_size)

    def places_from(self, start: int) -> list[range]:
        """The same of the step that begins with row ``start`` of the stream."""
        first = start + self.rank * self.rows
        size = self.micro_batch_size
        return [
            range(place, min(place + size, first + self.rows))
            for place in range(first, first + self.rows, size)
        ]


class RowSampler:
    """A batch sampler for PyTorch's DataLoader: the places of each forward pass, in order.

    Args:
        share: This process's share.
        stop: Where the stream ends, in rows of all processes; a step that would pass it is left
            out.
        rows: Rows read before.
    """

    def __init__(self, share: Share, stop: int, *, rows: int = 0) -> None:
        self.share, self.stop, self.rows = share, stop, rows

    def __len__(self) -> int:
        """Forward passes that are left."""
        return (self.stop - self.rows) // self.share.batch_size * self.share.micro_batches

    def __iter__(self) -> Iterator[list[int]]:
        """The places of each forward pass; a step counts as read once its last is asked for."""
        while self.rows + self.share.batch_size <= self.stop:
            *before, last = self.share.places_from(self.rows)
            yield from map(list, before)
            self.rows += self.share.batch_size
            yield list(last)

    def state_dict(self) -> dict[str, int]:
        """How far it has come."""
        return {"rows": self.rows}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from there."""
        self.rows = int(state["rows"])
