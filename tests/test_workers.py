"""Worker processes begin as told, and never outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from yue.workers import worker_pool

JOB = """
import time
from yue.workers import worker_pool

def work(seconds):
    print("at work", flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    with worker_pool(1) as pool:
        pool.submit(work, 600.0).result()
"""


def test_workers_go_when_their_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(JOB)
    job = subprocess.Popen([sys.executable, str(tmp_path / "job.py")], stdout=subprocess.PIPE)
    assert job.stdout is not None
    assert job.stdout.readline() == b"at work\n"
    job.kill()
    assert job.communicate(timeout=60)[0] == b""  # the worker held our end of the pipe open


def test_a_worker_calls_what_it_is_to_start_with_and_leaves_interrupts_to_its_parent() -> None:
    with worker_pool(1, os.putenv, "YUE_STARTED", "yes") as pool:
        assert pool.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
        there = pool.submit(subprocess.check_output, "echo $YUE_STARTED", shell=True)
        assert there.result() == b"yes\n"
