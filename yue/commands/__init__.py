"""The verbs of the ``yue`` command, in modules of those that belong together.

Each module has ``VERBS``, its verbs by name. Heavy imports belong inside their functions: reading
a command line never imports torch.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Verb:
    """One verb of the command.

    Attributes:
        example: A line that runs as it stands, for ``--help``.
        add_arguments: Adds its own arguments to its parser.
        run: Does the work, with what the parser read.
    """

    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
