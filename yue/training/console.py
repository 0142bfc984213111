"""What the user sees of a run, line by line."""

from __future__ import annotations

from yue.progress import duration
from yue.training.launch import MARK
from yue.training.speed import Throughput
from yue.training.tally import Losses


def say(text: str) -> None:
    """Show a line."""
    print(f"{MARK}{text}", flush=True)


def step_line(
    step: int,
    steps: int,
    losses: Losses,
    *,
    rate: float,
    speed: Throughput,
    seconds_left: float,
) -> str:
    """The line of a logging step.

    Args:
        step: Optimizer steps done.
        steps: All steps.
        losses: Since the line before.
        rate: Learning rate.
        speed: So far.
        seconds_left: Until the last step.
    """
    # Of the data sheet where there is one, else of the products measured at the start.
    if speed.mfu is not None:
        share = f"  MFU {speed.mfu:.1%}"
    else:
        share = "" if speed.mfu_probe is None else f"  MFU {speed.mfu_probe:.0%} of measured"
    return (
        f"  step {step}/{steps}  {losses_text(losses)}  lr {rate:.2e}  {speed.tokens:,.0f} tok/s"
        f"{share}  {duration(seconds_left)} left"
    )


def losses_text(losses: Losses) -> str:
    """``loss 4.321 (vocal 4.100, instrumental 4.542)``."""
    roles = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.roles.items())
    return f"loss {losses.mean:.3f} ({roles})" if losses.tokens else "loss - (nothing learnt)"
