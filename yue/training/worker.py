"""A training process, started by a launcher: ``python -m yue.training.worker FOLDER``."""

from __future__ import annotations

import os
import resource
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yue.errors import TrainingError, YueError
from yue.files import value_digest, write_json
from yue.training.job import Job, JobFolder, read_job
from yue.training.outcome import StopRequest, write_outcome
from yue.wording import counted

if TYPE_CHECKING:
    from yue.distributed import World
    from yue.training.session import Session


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
        _report(folder, _wrap_library_error(error), known=False)
        _leave(1)
    _leave(0)


def _report(folder: JobFolder, error: YueError, *, known: bool) -> None:
    words = {"what": error.what, "why": error.why, "fix": error.fix}
    write_json(folder.error(int(os.environ.get("RANK", "0")), known=known), words)


def _wrap_library_error(error: Exception) -> YueError:
    """Put an error from within a library into words for the user."""
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
    from yue.training.live_samples import live_sampler
    from yue.training.loop import Loop
    from yue.training.lora import write_adapter
    from yue.training.schedule import run_plan, share_lines
    from yue.training.session import restore, start_session

    world = start_distributed(job.device)
    _check_same_job(job, world)
    checkpoints = Checkpoints(job.run_folder, world)
    checkpoints.lock()
    world.barrier()
    session = start_session(job, world)
    checkpoint = checkpoints.newest()
    state = checkpoint.state if checkpoint else RunState()
    best = restore(session, checkpoints, checkpoint) if checkpoint else {}
    curves = open_curves(job, folder, state) if world.first else None
    sample = live_sampler(job, session.objective.model) if world.first else None
    if world.first:
        say(_describe(session, state.step, time.monotonic() - _STARTED))
        for line in share_lines(run_plan(session.batches.rows, job.recipe.train)):
            say(line)
    loop = Loop(session, checkpoints, curves, stop, state, best, sample)
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
    launch, train = job.recipe.launch, job.recipe.train
    shared = (job.fingerprint, job.device, launch.zero_stage, launch.offload, asdict(train))
    mine = float(int(value_digest(shared)[:12], 16))  # 48 bits: exact
    if world.largest(mine) != mine or world.largest(-mine) != -mine:
        raise TrainingError(
            "the hosts do not train the same",
            why="the recipe, the data, the base model, the code or a library differs between them",
            fix="start every host in the same project folder, with the same environment",
        )


def _describe(session: Session, step: int, seconds: float) -> str:
    from yue.progress import MARK

    train, size = session.job.recipe.train, session.world.size
    start = f"going on from step {step}" if step else f"{session.trainable:,} weights learn"
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
