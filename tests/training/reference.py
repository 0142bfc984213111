"""One step's gradients as the loop makes them, and as plain Transformers does in float64."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from yue.training.checkpoint import Checkpoints
from yue.training.job import Job
from yue.training.loop import Loop
from yue.training.session import Session, start_session
from yue.training.state import RunState
from yue.training.stop import StopRequest
from yue.training.world import World


def learning(session: Session) -> dict[str, Tensor]:
    return {n: w for n, w in session.objective.model.named_parameters() if w.requires_grad}


def unsettle(session: Session) -> dict[str, Tensor]:
    """Fill the B matrices: zeros would hide errors in half of the gradients."""
    with torch.no_grad():
        for seed, (name, weight) in enumerate(learning(session).items()):
            if "lora_B" in name:
                torch.nn.init.normal_(weight, 0, 0.1, generator=torch.Generator().manual_seed(seed))
    return {name: weight.detach().clone() for name, weight in learning(session).items()}


def loop_gradients(job: Job, world: World) -> dict[str, Tensor]:
    """The gradients at the first update of a job of one step; ZeRO 0."""
    session = start_session(job, world)
    unsettle(session)
    found: dict[str, Tensor] = {}
    step = session.engine.step

    def note_gradients() -> None:  # those of the last forward pass stay
        found.update({name: w.grad.clone() for name, w in learning(session).items()})
        step()

    session.engine.step = note_gradients
    checkpoints = Checkpoints(Path(job.checkpoints), world)
    Loop(session, checkpoints, None, StopRequest(), RunState()).run()
    return found


def exact_gradients(job: Job, world: World) -> dict[str, Tensor]:
    """The same of the mean loss over the whole batch, document by document; one process."""
    session = start_session(job, world)
    unsettle(session)
    model = session.objective.model.double()
    model.get_base_model().set_attn_implementation("eager")
    total, count = torch.zeros((), dtype=torch.float64), 0
    for batch in session.batches.step(session.share, 0):
        for start, end in pairwise(batch.boundaries):
            labels = batch.targets[start:end]
            logits = model(batch.tokens[start:end][None]).logits[0]
            total = total + F.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
            count += int((labels != -100).sum())
    (total / count).backward()
    return {name: weight.grad for name, weight in learning(session).items()}
