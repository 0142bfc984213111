"""Fixtures that several rooms share, and how long a random case may take."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# No deadline for one example: Hypothesis' 200 ms say how busy the machine is, and failed tests of
# right code where other work shared its cores. pytest's `timeout` stops what hangs.
for profile in ("default", "ci"):
    settings.register_profile(profile, parent=settings.get_profile(profile), deadline=None)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Upstream's own inputs and outputs, where the checkout has them beside it."""
    folder = ROOT.parent / "shared" / "golden"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: upstream's golden files are not part of the repository")
    return folder
