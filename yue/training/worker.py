"""A training process, started by the launcher: ``python -m yue.training.worker FOLDER``.

What a run would do, found out without doing it.

A training process, started by DeepSpeed's launcher: ``python -m yue.training.worker FOLDER``.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yue.checkpoints.stored_runs import newest_checkpoint
from yue.dataset.dataset_mix import Share
from yue.errors import TrainingError, YueError
from yue.files import value_digest, write_json
from yue.training.engine import check_config, deepspeed_config
from yue.training.job import Job, JobFolder, read_job
from yue.training.launch import launcher_command
from yue.training.outcome import StopRequest
from yue.training.plan import Plan, RunSetup, other_runs, plan_run
from yue.wording import counted

if TYPE_CHECKING:
    from yue.distributed import World
    from yue.training.session import Session


def rehearse(setup: RunSetup) -> list[str]:
    """Check everything that can be checked without a model in memory, and put the run in words.

    Raises:
        YueError: Something cannot be used.
    """
    folder = JobFolder(setup.scratch / "JOB")
    plan = plan_run(setup, folder)
    train = setup.train
    steps = plan.steps
    config = _config(plan)
    os.environ.setdefault("DS_ACCELERATOR", plan.job.device)  # DeepSpeed warns without it
    check_config(config)
    names = ", ".join(f"{host.name} ({host.processes})" for host in plan.fleet.hosts)
    command = launcher_command(plan.fleet, ["yue.training.worker", str(folder.root)], None)
    lines = [
        f"train: {counted(steps, 'step')} of {train.batch_size} x {train.context_length} tokens, "
        f"{counted(plan.rows, 'row')} an epoch, {steps * train.batch_size / plan.rows:.2f} epochs",
        f"  learns: {', '.join(train.loss_on)}; rank {setup.lora.r} on "
        f"{_words(setup.lora.target_modules)}",
        f"  processes: {plan.fleet.processes} on {plan.job.device}: {names}",
        f"  starts: {shlex.join(command)}",
        f"  DeepSpeed: {json.dumps(config, sort_keys=True)}",
        f"  resumes: {_resumes(plan)}",
    ]
    return [*lines, *(f"  {line}" for line in other_runs(setup, plan)), "  nothing was started"]


def _config(plan: Plan) -> dict[str, object]:
    job, size = plan.job, plan.fleet.processes
    share = Share(0, size, job.train.batch_size, job.train.micro_batch_size)
    return deepspeed_config(
        job.train,
        zero_stage=job.zero_stage,
        offload=job.offload,
        micro_batches=share.micro_batches,
        dtype=job.model.dtype,
        device=job.device,
    )


def _resumes(plan: Plan) -> str:
    checkpoint = newest_checkpoint(Path(plan.job.checkpoints))
    return f"step {checkpoint.state.step}" if checkpoint else "nothing, it starts at step 0"


def _words(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


_STARTED = time.monotonic()


def main() -> None:
    """Do the job; an error for the user goes into the job's folder."""
    folder = JobFolder(Path(sys.argv[1]))
    stop = StopRequest(folder.stop)
    stop.listen()
    try:
        _work(read_job(folder), folder, stop)
    except YueError as error:
        _report(folder, error, known=True)
        _leave(1)
    except Exception as error:
        traceback.print_exc()
        _report(folder, _in_words(error), known=False)
        _leave(1)
    _leave(0)


def _report(folder: JobFolder, error: YueError, *, known: bool) -> None:
    words = {"what": error.what, "why": error.why, "fix": error.fix}
    write_json(folder.error(int(os.environ.get("RANK", "0")), known=known), words)


def _in_words(error: Exception) -> YueError:
    """An error from within a library."""
    text = " ".join(str(error).split())[:300]
    if type(error).__name__ == "OutOfMemoryError":
        return TrainingError(
            "the GPU's memory is full",
            why=text,
            fix="lower train.micro_batch_size, or use train.gradient_checkpointing: full",
        )
    return TrainingError(f"training failed: {type(error).__name__}: {text}")


def _leave(code: int) -> None:
    """End at once: the libraries' own teardown takes a second and may wait for dead processes."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _work(job: Job, folder: JobFolder, stop: StopRequest) -> None:
    from yue.checkpoints.checkpoint import Checkpoints
    from yue.checkpoints.run_state import RunState
    from yue.progress import say
    from yue.training.curves import open_curves
    from yue.training.engine import start_distributed
    from yue.training.live_samples import singer
    from yue.training.loop import Loop
    from yue.training.lora import write_adapter
    from yue.training.outcome import write_outcome
    from yue.training.schedule import run_plan, share_lines
    from yue.training.session import restore, start_session

    world = start_distributed(job.device)
    _check_same_job(job, world)
    checkpoints = Checkpoints(Path(job.checkpoints), world)
    checkpoints.lock()
    world.barrier()
    session = start_session(job, world)
    checkpoint = checkpoints.newest()
    state = checkpoint.state if checkpoint else RunState()
    best = restore(session, checkpoints, checkpoint) if checkpoint else {}
    curves = open_curves(job, folder, state) if world.first else None
    sing = singer(job, folder, session.objective.model) if world.first else None
    if world.first:
        say(_describe(session, state.step, time.monotonic() - _STARTED))
        for line in share_lines(run_plan(session.batches.rows, session.train)):
            say(line)
    loop = Loop(session, checkpoints, curves, stop, state, best, sing)
    finished = loop.run()
    peak = int(world.largest(_peak_memory(world.device)))
    weights = loop.weights()
    if not world.first:
        return
    if curves:
        curves.end()
    if finished:
        folder.adapter.mkdir()
        write_adapter(session.objective.model, weights, folder.adapter, session.first)
    write_outcome(folder.outcome, loop.outcome(finished=finished, peak_memory_bytes=peak))


def _check_same_job(job: Job, world: World) -> None:
    """Hosts that were started one by one must have the same recipe, data, model and code.

    How it is run and logged too: all meet in every step and every line of the log.
    """
    shared = (job.fingerprint, job.device, job.zero_stage, job.offload, asdict(job.train))
    mine = float(int(value_digest(shared)[:12], 16))  # 48 bits: exact
    if world.largest(mine) != mine or world.largest(-mine) != -mine:
        raise TrainingError(
            "the hosts do not train the same",
            why="the recipe, the data, the base model, the code or a library differs between them",
            fix="start every host in the same project folder, with the same environment",
        )


def _describe(session: Session, step: int, seconds: float) -> str:
    from yue.progress import MARK

    train, size = session.train, session.world.size
    start = f"going on from step {step}" if step else f"{session.learning:,} weights learn"
    return (
        f"  {start}: {counted(session.schedule.steps, 'step')} of {train.batch_size} x "
        f"{train.context_length} tokens, {size} process{'es' if size > 1 else ''} on "
        f"{session.world.device.type}, ZeRO {session.engine.zero_optimization_stage()}, "
        f"{'' if session.valid else 'no held-out songs, '}ready in {seconds:.1f} s\n"
        f"{MARK}  {session.how}"
    )


def _peak_memory(device: Any) -> int:
    """Bytes: of the GPU's allocator, or of this process."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
