"""The training loop."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from yue.errors import TrainingError
from yue.tokens.roles import Role
from yue.training.batches import MicroBatch
from yue.training.checkpoint import Checkpoints
from yue.training.console import losses_text, say, step_line
from yue.training.engine import set_learning_rate
from yue.training.live import Curves
from yue.training.outcome import Outcome
from yue.training.session import Session
from yue.training.state import Point, RunState
from yue.training.stop import StopRequest
from yue.training.tally import Losses, Tally


@dataclass(frozen=True)
class Speed:
    """How fast the steps of this run were, validation and saving not counted.

    Attributes:
        tokens: Tokens a second.
        useful_tokens: Tokens that had a loss, a second.
    """

    tokens: float
    useful_tokens: float


class Loop:
    """Trains, validates, logs and saves.

    Args:
        session: What is trained, and on what.
        checkpoints: Where to save.
        curves: Where points go, in the first process.
        stop: Whether somebody wants an end.
        state: Where the run is; it is moved on.
    """

    def __init__(
        self,
        session: Session,
        checkpoints: Checkpoints,
        curves: Curves | None,
        stop: StopRequest,
        state: RunState,
    ) -> None:
        self._session, self._checkpoints = session, checkpoints
        self._curves, self._stop, self.state = curves, stop, state
        self._engine, self._world, self._train = session.engine, session.world, session.train
        self._tally = Tally(self._world.device)
        self._started, self._before = time.monotonic(), state.seconds
        self._seconds, self._tokens, self._useful, self._steps = 0.0, 0, 0, 0

    @property
    def speed(self) -> Speed:
        """So far."""
        seconds = max(self._seconds, 1e-9)
        return Speed(self._tokens / seconds, self._useful / seconds)

    def run(self) -> bool:
        """Train to the last step; False where it was told to stop before, and has saved."""
        steps = self._session.schedule.steps
        if self.state.step == 0:
            self._validate()
        while self.state.step < steps:
            if self._somebody_asked():
                self._save()
                return False
            self._step(self.state.step)
            step = self.state.step
            if step % self._train.logging_steps == 0 or step == steps:
                self._log()
            if step % self._train.eval_steps == 0 or step == steps:
                self._validate()
            if step % self._train.save_steps == 0 and step < steps:
                self._save()
        return True

    def _step(self, step: int) -> None:
        """One optimizer step: the gradient of the summed losses over all labelled tokens."""
        begun = time.monotonic()
        # Dropout's randomness is a function of (seed, step, process): nothing to save for resume.
        torch.manual_seed((self._train.seed * 1_000_003 + step) * 4096 + self._world.rank)
        set_learning_rate(self._engine, self._session.schedule.rate(step))
        batches = self._session.batches.step(self._session.share, step)
        tokens, labelled = (
            int(value)
            for value in self._world.sum(
                [sum(len(b.tokens) for b in batches), sum(len(b.roles) for b in batches)]
            )
        )
        # DeepSpeed averages over processes and forward passes; undo it, for the sum.
        scale = self._world.size * len(batches) / max(labelled, 1)
        finite = torch.ones((), dtype=torch.bool, device=self._world.device)
        for number, batch in enumerate(batches):
            losses = self._engine(batch.tokens, batch.boundaries, batch.targets)
            self._tally.add(losses.detach(), batch.roles)
            finite &= torch.isfinite(losses.detach()).all()
            self._engine.backward(losses.sum() * scale)
            if number == len(batches) - 1:
                self._check_finite(step, bool(finite), batches)
            self._engine.step()
        self.state.step += 1
        self.state.tokens_seen += tokens
        self.state.learnt_tokens += labelled
        self._tokens += tokens
        self._useful += labelled
        self._steps += 1
        self._seconds += time.monotonic() - begun

    def _check_finite(self, step: int, finite: bool, batches: list[MicroBatch]) -> None:
        """Stop every process before the update if a loss of any is not a number."""
        if not self._world.sum([not finite])[0]:
            return
        if finite:
            raise RuntimeError("the loss of another process is not a finite number")
        songs = tuple(dict.fromkeys(song for batch in batches for song in batch.songs))
        raise TrainingError(
            f"step {step + 1}: the loss is not a finite number (songs {', '.join(songs[:8])})",
            why="the weights have left the range of numbers; the last checkpoint is good",
            fix="lower train.lr, raise train.warmup_ratio, or use model.dtype: float32",
        )

    def _log(self) -> None:
        losses = self._tally.take(self._world)
        step, steps = self.state.step, self._session.schedule.steps
        rate = self._session.schedule.rate(step - 1)
        values = {**_named("loss", losses), "learning_rate": rate}
        values["tokens_per_second"] = self.speed.tokens
        norm = self._engine.get_global_grad_norm()
        if norm is not None and math.isfinite(float(norm)):
            values["gradient_norm"] = float(norm)
        self._point(values)
        if self._world.first:
            left = self._seconds / self._steps * (steps - step)
            say(
                step_line(
                    step, steps, losses, rate=rate, speed=self.speed.tokens, seconds_left=left
                )
            )

    def _validate(self) -> None:
        """Held-out loss, where there is a held-out split."""
        if self._session.valid is None:
            return
        tally = Tally(self._world.device)
        self._engine.eval()
        with torch.no_grad():
            for batch in self._session.valid.once(self._world.rank, self._world.size):
                losses = self._engine(batch.tokens, batch.boundaries, batch.targets)
                tally.add(losses, batch.roles)
        self._engine.train()
        losses = tally.take(self._world)
        self._point(_named("valid_loss", losses))
        if self._world.first:
            step = f"{self.state.step}/{self._session.schedule.steps}"
            say(f"  step {step}  held-out {losses_text(losses)}")

    def _point(self, values: dict[str, float]) -> None:
        if not values:
            return
        point = Point(self.state.step, values)
        self.state.points.append(point)
        if self._curves:
            self._curves.log(point)

    def _save(self) -> None:
        self.state.seconds = self.seconds
        self._checkpoints.save(self._engine, self.state)

    @property
    def seconds(self) -> float:
        """Time of all runs that led here, from the start of this loop."""
        return self._before + time.monotonic() - self._started

    def outcome(self, *, finished: bool, peak_memory_bytes: int) -> Outcome:
        """How the run ended."""
        state, speed = self.state, self.speed
        roles = [r.name.lower() for r in Role]
        losses = {role: state.last(f"loss_{role}") for role in roles}
        return Outcome(
            finished=finished,
            step=state.step,
            steps=self._session.schedule.steps,
            resumed_from=state.step - self._steps,
            loss=state.last("loss"),
            valid_loss=state.last("valid_loss"),
            role_loss={role: loss for role, loss in losses.items() if loss is not None},
            tokens_seen=state.tokens_seen,
            learnt_tokens=state.learnt_tokens,
            wall_seconds=self.seconds,
            tokens_per_second=speed.tokens,
            useful_tokens_per_second=speed.useful_tokens,
            peak_memory_bytes=peak_memory_bytes,
        )

    def _somebody_asked(self) -> bool:
        return self._world.sum([self._stop.asked])[0] > 0


def _named(name: str, losses: Losses) -> dict[str, float]:
    """The losses as curves: ``loss``, ``loss_vocal``, ..."""
    if not losses.tokens:
        return {}
    return {name: losses.mean, **{f"{name}_{role}": loss for role, loss in losses.roles.items()}}
