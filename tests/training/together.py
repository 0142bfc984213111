"""What several processes do together: ``python -m tests.training.together FOLDER STAGE ...``.

Trains the job in FOLDER with every ZeRO stage, in one start of the libraries, and writes what
became of it. Then it notes one step's gradients, by accumulation steps.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.training.reference import loop_gradients
from yue.files import write_json
from yue.training.checkpoint import Checkpoints
from yue.training.engine import start_distributed
from yue.training.job import Job, JobFolder, read_job
from yue.training.loop import Loop
from yue.training.lora import write_adapter
from yue.training.session import start_session
from yue.training.state import RunState
from yue.training.stop import StopRequest
from yue.training.world import World


def train(job: Job, world: World, stage: int, output: Path) -> None:
    job = dataclasses.replace(job, zero_stage=stage)
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


def main() -> None:
    torch.set_num_threads(1)
    output = Path(sys.argv[1])
    job = read_job(JobFolder(output))
    world = start_distributed("cpu")
    for stage in sys.argv[2:]:
        train(job, world, int(stage), output)
    for micro in (1, 4):
        section = dataclasses.replace(
            job.train, micro_batch_size=micro, max_steps=1, max_grad_norm=1e9
        )
        found = loop_gradients(dataclasses.replace(job, zero_stage=0, train=section), world)
        if world.first:
            save_file(found, output / f"gradients-{micro}.safetensors")
    world.barrier()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
