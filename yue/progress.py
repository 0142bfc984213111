"""What a user sees of work that goes on: a bar of progress, and lines of training workers."""

from __future__ import annotations

from tqdm import tqdm

MARK = "yue| "
"""What begins a line that a worker wants the user to see; all others go to the log."""


def say(text: str) -> None:
    """Print a line of a training worker that the user is to see."""
    print(f"{MARK}{text}", flush=True)


def progress_bar(label: str, total: int, unit: str) -> tqdm:
    """Return a bar on standard error, to be used in ``with``; its ``update`` counts what is done.

    Nothing is printed unless standard error is a terminal: in a file of DVC, SLURM or CI, a bar is
    one line for each time that it moved.

    Args:
        label: What is going on, for example the stage.
        total: How many units there are.
        unit: What is counted, in the plural.
    """
    # `None` is tqdm's own word for "unless this is a terminal".
    return tqdm(
        desc=label,
        total=total,
        unit=f" {unit}",
        disable=None if total else True,
        dynamic_ncols=True,
    )


def duration(seconds: float) -> str:
    """Return ``1:02:03``, or ``2:03`` below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
