"""Which codecs there are, and which of them can be used here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yue.codecs.about import About
from yue.codecs.registry import about, codec_names, read_card
from yue.errors import YueError


@dataclass(frozen=True)
class Listed:
    """A codec, here and now.

    Attributes:
        name: Its name.
        about: What is known without its weights; None: it cannot be imported.
        weights: Where they were looked for.
        digest: Of the weights; None: it cannot be used yet.
        problem: Why not.
        fix: How to get there.
    """

    name: str
    about: About | None
    weights: Path
    digest: str | None
    problem: str = ""
    fix: str = ""


def list_codecs(places: dict[str, Path]) -> list[Listed]:
    """Every codec with the state of its weights.

    Args:
        places: Where a codec's weights are looked for, other than where they usually are.
    """
    return [_listed(name, places.get(name)) for name in codec_names()]


def _listed(name: str, place: Path | None) -> Listed:
    known, weights = None, place or Path()
    try:
        known = about(name)
        weights = place or known.folder
        return Listed(name, known, weights, read_card(name, weights).digest)
    except YueError as error:
        problem = f"{error.what} ({error.why})" if error.why else error.what
        return Listed(name, known, weights, None, problem, error.fix)
    except OSError as error:
        fix = "give yourself the rights to read them"
        return Listed(
            name, known, weights, None, f"{error.filename or weights}: {error.strerror}", fix
        )
