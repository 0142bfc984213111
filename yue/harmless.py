"""Modules that decide neither data nor bytes of a result, though stages import them.

They word messages, show progress, start processes, or say how a file comes into place and not what
is in it. They are no dependency of a stage and no part of a run's identity, so that a better
message does not retrain a model, which takes hours on a GPU. Each is listed by the names that may
be used freely; whoever uses another name depends on the module (see :mod:`yue.imports`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch


@dataclass(frozen=True)
class Harmless:
    """A module that may be left out, and why.

    Attributes:
        why: The reason.
        names: Names that may be used; empty for all of them, and the module as a whole.
        users: Files that may, as patterns.
    """

    why: str
    names: tuple[str, ...] = ()
    users: tuple[str, ...] = ("*",)

    def allows(self, user: str, name: str) -> bool:
        """Say whether a file may use a name without depending on the module."""
        known = not self.names or name in self.names
        return known and any(fnmatch(user, pattern) for pattern in self.users)


_PLACES = "says where files are; the pipeline declares the same places"
_SHOWS = "words what a run shows or notes about itself"
_STARTS = "starts processes, and chooses their hosts"
_MEASURES = "measures speed, which no weight depends on"

HARMLESS = {
    "yue/__init__.py": Harmless("the version's number"),
    "yue/checkpoints/adapter_record.py": Harmless("refuses an adapter of another recipe"),
    "yue/errors.py": Harmless("kinds of errors; their words stand where they are raised"),
    "yue/files.py": Harmless(
        "brings files into place whole; other names of it decide names and formats of files",
        names=("adopt", "atomic_file", "atomic_folder", "check_replaceable", "sync"),
    ),
    "yue/harmless.py": Harmless("this list, which tests compare with the imports"),
    "yue/paths.py": Harmless(_PLACES),
    "yue/progress.py": Harmless("shows progress"),
    "yue/rejections.py": Harmless(
        "what a rejection is; stages that write records of them use more",
        names=("Rejected", "rejection"),
        users=("yue/tokens/*", "yue/generation/*"),
    ),
    "yue/temporary.py": Harmless("names temporary files, which are renamed or removed"),
    "yue/wording.py": Harmless(
        _SHOWS,
        # Others write its words into results.
        users=("yue/codecs/*", "yue/inputs/*", "yue/stages/*",
               "yue/training/*"),
    ),
    "yue/workers.py": Harmless("runs functions in processes; whoever asks puts them in order"),
    "yue/recipe/model.py": Harmless("types without a function; DVC watches the values"),
    "yue/recipe/differences.py": Harmless("says which keys an identity has, and has no others"),
    "yue/training/launch.py": Harmless(_STARTS),
    "yue/training/curves.py": Harmless(_SHOWS),
    "yue/training/hosts.py": Harmless(_STARTS),
    "yue/costs/estimate.py": Harmless(_MEASURES),
    "yue/checkpoints/identity.py": Harmless("compares runs, and does nothing to one"),
    "yue/training/outcome.py": Harmless("words how a run ended; hears requests to stop"),
    "yue/costs/speed.py": Harmless(_MEASURES),
    "yue/training/live_samples.py": Harmless("makes samples, which no weight depends on"),
}  # fmt: skip
"""By file, relative to the package's parent."""
