"""The one family of errors a user may see.

Every message says what is wrong (the value and its place), why, and how to fix it. The command
line prints the message alone and exits with :attr:`YueError.exit_code`; a traceback is shown only
under ``--debug``.
"""

from __future__ import annotations


class YueError(Exception):
    """Something the user can fix.

    Args:
        what: The fault, with the value and the place (file, line, song id).
        why: The rule that was broken, when ``what`` does not already say it.
        fix: What to do about it, as an instruction or a command.
    """

    exit_code = 1

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        self.what, self.why, self.fix = what, why, fix
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """Return the message as it is printed, one line for each part that is there."""
        parts = [self.what]
        if self.why:
            parts.append(f"  why: {self.why}")
        if self.fix:
            parts.append(f"  fix: {self.fix}")
        return parts


class MissingFileError(YueError):
    """A file that is not there, which a stage makes or a model brings."""


class UsageError(YueError):
    """A wrong command line."""

    exit_code = 2


class RecipeError(YueError):
    """A recipe that cannot be used; carries every fault that was found."""

    exit_code = 2


class AudioError(YueError):
    """An audio file that cannot be decoded or used."""


class CodecError(YueError):
    """A codec that cannot be loaded, or codes that are not this codec's."""


class SongError(YueError):
    """Song metadata, lyrics or rows that cannot be used."""


class TokenFileError(YueError):
    """A ``.bin``/``.idx`` pair that is missing, damaged or of another vocabulary."""


class NativeError(YueError):
    """The native library is missing or refused its input."""


class TrainingError(YueError):
    """Training cannot start or cannot go on."""


class GenerationError(YueError):
    """A prompt, adapter or model from which nothing can be generated."""


def first_line(error: BaseException) -> str:
    """Return what an error of a library says, on one line; its kind where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def missing_package(name: str) -> TrainingError:
    """Return the error of a missing package, whose extra and key of logging have its name."""
    return TrainingError(
        f"logging.{name} is on, but the package {name} is not installed",
        fix=f"pip install 'yue[{name}]', or set logging.{name}: false",
    )
