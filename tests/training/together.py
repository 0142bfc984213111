"""What several processes do together: ``python -m tests.training.together FOLDER WHAT ...``.

Trains the job in FOLDER with a ZeRO stage where WHAT is a number, and writes what became of it;
where it is resume-STAGE-DTYPE, goes on from the checkpoints there, with a stop on the way and
without; else notes one step's gradients with the loss computed in that way, by the rows of a
forward pass. All in one start of the libraries.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.training.jobs import vary
from tests.training.reference import computing, loop_gradients
from tests.training.test_loop import go
from yue.checkpoints.checkpoint import Checkpoints
from yue.checkpoints.run_state import RunState
from yue.distributed import World
from yue.files import write_json
from yue.training.engine import start_distributed
from yue.training.job import Job, JobFolder, read_job
from yue.training.loop import Loop
from yue.training.lora import write_adapter
from yue.training.outcome import StopRequest
from yue.training.session import start_session

STEPS = (2, 4, 6)
"""Where a run is taken over by two processes, given back to one, and ends."""


def train(job: Job, world: World, stage: int, output: Path) -> None:
    job = vary(job, zero_stage=stage)
    session = start_session(job, world)
    checkpoints = Checkpoints(output / f"checkpoints-{stage}", world)
    loop = Loop(session, checkpoints, None, StopRequest(), RunState())
    assert loop.run()
    weights = loop.weights()
    outcome = loop.outcome(finished=True, peak_memory_bytes=1)
    if world.first:
        folder = output / f"stage-{stage}"
        folder.mkdir()
        write_adapter(session.objective.model, weights, folder)
        write_json(folder / "outcome.json", dataclasses.asdict(outcome))


def resume(job: Job, world: World, what: str, output: Path) -> None:
    _, stage, dtype = what.split("-")
    model = dataclasses.replace(job.recipe.model, dtype=dtype)
    for name, stops in (("whole", (STEPS[1],)), ("parts", (STEPS[1] - 1, STEPS[1]))):
        one = vary(job, zero_stage=int(stage), model=model, checkpoints=output / what / name)
        for stop in stops:
            go(one, world, stop=stop)


def note_gradients(job: Job, world: World, way: str, output: Path) -> None:
    with computing(job, way) as one:
        for micro in (1, 4):
            train = dataclasses.replace(one.recipe.train, micro_batch_size=micro)
            found = loop_gradients(vary(one, train=train), world)
            if world.first:
                save_file(found, output / f"{way}-{micro}.safetensors")


def main() -> None:
    torch.set_num_threads(1)
    output = Path(sys.argv[1])
    job = read_job(JobFolder(output))
    world = start_distributed("cpu")
    for what in sys.argv[2:]:
        gc.freeze()  # DeepSpeed collects garbage with every engine: not all that is imported
        if what.isdigit():
            train(job, world, int(what), output)
        elif what.startswith("resume-"):
            resume(job, world, what, output)
        else:
            note_gradients(job, world, what, output)
    world.barrier()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
