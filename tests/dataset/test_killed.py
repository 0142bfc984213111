"""Whoever is killed while writing leaves the old files, the new ones, or a clean error.

In memory, so that the kills fall on every step and not on the disk's syncs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("way", "kills"), [("write", 200), ("merge", 50), ("index", 50)])
def test_a_killed_writer_leaves_old_or_new_files_or_a_clean_error(
    memory_folder: Path, way: str, kills: int
) -> None:
    command = [sys.executable, "-m", "tests.dataset.kills", way, str(kills), str(memory_folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert sum(found.values()) == kills
    assert len(found) > 1, f"all kills came too early or too late: {found}"
