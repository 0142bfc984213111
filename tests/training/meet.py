"""Notes this process's place among all: ``python -m tests.training.meet FOLDER``.

Under torchrun, whose processes meet in a way of their own, it also meets the others.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from yue.files import write_json

NAMES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "DS_ACCELERATOR")


def met() -> int:
    import torch.distributed as dist

    dist.init_process_group("gloo")
    ranks: list[int] = [0] * dist.get_world_size()
    dist.all_gather_object(ranks, dist.get_rank())
    return sum(ranks)


def main() -> None:
    place = {name: os.environ[name] for name in NAMES}
    if "TORCHELASTIC_RUN_ID" in os.environ:
        assert met() == 1
    write_json(Path(sys.argv[1]) / f"{place['RANK']}.json", place)


if __name__ == "__main__":
    main()
