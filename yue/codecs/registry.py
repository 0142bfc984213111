"""Codecs by name: built in and installed, which can be used here, and the recipe's choice.

A codec is a module with ``about``, ``read_card`` and ``load``. Other packages add codecs by an
entry point in the group ``yue.codecs`` that names such a module. Their codes take the ids of a
codec that the vocabulary knows, whose shape they must fit: the name on their card says which. None
of their code runs before one of them is asked for by its name.
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from yue.codecs.about import About
from yue.codecs.base import Codec
from yue.codecs.card import CodecCard
from yue.codecs.codec_weights import locate
from yue.errors import CodecError, YueError
from yue.tokens.vocabulary import CodecRange, codec_range

if TYPE_CHECKING:
    from yue.recipe.model import Recipe

GROUP = "yue.codecs"
"""The group of entry points that name a module with ``about``, ``read_card`` and ``load``."""


_MODULES = {
    "melrvq": "yue.codecs.melrvq",
    "xcodec": "yue.codecs.xcodec",
    "semanticodec": "yue.codecs.semanticodec",
    "dac16k": "yue.codecs.dac",
    "dac44k": "yue.codecs.dac",
}
CODECS = tuple(_MODULES)
"""Names of the codecs that are part of this program."""


class _CodecModule(Protocol):
    def about(self, name: str) -> About: ...

    def read_card(self, name: str, path: Path, codebooks: int | None) -> CodecCard: ...

    def load(self, name: str, path: Path, codebooks: int | None, device: str) -> Codec: ...


@cache
def installed() -> dict[str, EntryPoint]:
    """Return the entry points by name."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def codec_names() -> tuple[str, ...]:
    """Return the names of all codecs, those that other packages bring last."""
    return (*CODECS, *sorted(installed().keys() - _MODULES.keys()))


def about(name: str) -> About:
    """Return what is known of a codec without its weights.

    Raises:
        CodecError: No such codec.
    """
    return _import_codec(name).about(name)


def read_card(name: str, path: Path, *, codebooks: int | None = None) -> CodecCard:
    """Return what the codec in a folder is, from its files' digests, without loading it.

    Args:
        name: One of :func:`codec_names`.
        path: As of :func:`load_codec`.
        codebooks: How many to keep, from the first; None keeps all that the vocabulary has.

    Raises:
        CodecError: No such codec, not the weights that it needs, or codes that the vocabulary has
            no ids for.
    """
    return _fit_to_ids(name, _import_codec(name).read_card(name, locate(path), codebooks))


def codec_ids(name: str, path: Path) -> CodecRange:
    """Return the ids of a codec's codes; one of another package says on its card which they are.

    Args:
        name: One of :func:`codec_names`.
        path: As of :func:`load_codec`.

    Raises:
        CodecError: As of :func:`read_card`.
    """
    return codec_range(name if name in _MODULES else read_card(name, path).name)


def load_codec(
    name: str, path: Path, *, device: str = "cpu", codebooks: int | None = None
) -> Codec:
    """Load a codec.

    Args:
        name: One of :func:`codec_names`.
        path: The folder of its weights, or ``organisation/name@revision`` on the hub.
        device: Where to run it, as torch names devices, or auto.
        codebooks: How many to keep, from the first; None keeps all that the vocabulary has.

    Raises:
        CodecError: As of :func:`read_card`, or the files are damaged.
    """
    codec = _import_codec(name).load(name, locate(path), codebooks, device)
    codec.card = _fit_to_ids(name, codec.card)
    if codec.vocabulary.align % codec.align:
        raise _misfit(codec.card, f"encodes {codec.align} frames as one", codec.vocabulary.align)
    return codec


def _fit_to_ids(name: str, card: CodecCard) -> CodecCard:
    """Return the card, with the codec's own name where its codes take another's ids.

    Raises:
        CodecError: They do not fit those ids.
    """
    ids = codec_range(card.name)
    if card.name != name:
        card = replace(card, codec=name)
    if ids.frame_rate not in (None, card.frame_rate):
        raise _misfit(card, f"has {card.frame_rate} frames a second", ids.frame_rate)
    if len(card.codebook_sizes) > len(ids.sizes) or any(
        size > room for size, room in zip(card.codebook_sizes, ids.sizes, strict=False)
    ):
        raise CodecError(
            f"{card.title} has codebooks of {', '.join(map(str, card.codebook_sizes))} codes",
            why=f"the vocabulary has ids for {', '.join(map(str, ids.sizes))} of {ids.name}",
            fix="keep fewer codebooks (codec.codebooks), or fit smaller ones",
        )
    return card


def _misfit(card: CodecCard, what: str, wanted: object) -> CodecError:
    return CodecError(
        f"{card.title} {what}, the ids of {card.name} are for {wanted}",
        fix="let its card name a codec of the vocabulary whose shape it has",
    )


def _import_codec(name: str) -> _CodecModule:
    if name in _MODULES:
        return cast("_CodecModule", importlib.import_module(_MODULES[name]))
    if (entry := installed().get(name)) is None:
        close = difflib.get_close_matches(name, codec_names(), n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"one of {', '.join(codec_names())}"
        raise CodecError(f"no codec '{name}'", fix=hint)
    try:
        return cast("_CodecModule", entry.load())
    except Exception as error:  # whatever another package raises when it is imported
        raise CodecError(
            f"the codec '{name}' of {entry.value} cannot be imported",
            why=f"{type(error).__name__}: {error}",
            fix="update or remove the package that brings it",
        ) from error


@dataclass(frozen=True)
class CodecChoice:
    """A codec that is about to be used.

    Attributes:
        name: Of the codec.
        weights: A folder, a file or a hub revision.
        codebooks: How many are kept; None: all.
        device: As torch names devices, or auto.
    """

    name: str
    weights: Path
    codebooks: int | None
    device: str

    @classmethod
    def of_recipe(cls, recipe: Recipe, root: Path) -> CodecChoice:
        """Return what a recipe says, with paths resolved against ``root``."""
        codec = recipe.codec
        return cls(codec.name, root / codec.path, codec.codebooks, recipe.runtime.device)

    @classmethod
    def of_flags(
        cls, name: str, weights: Path | None, codebooks: int | None, device: str | None
    ) -> CodecChoice:
        """Return what flags say; what they leave open is as usual for the codec.

        Raises:
            CodecError: No such codec.
        """
        known = about(name)
        return cls(name, weights or known.folder, codebooks or known.codebooks, device or "auto")

    def card(self) -> CodecCard:
        """Return what it is, without loading it; raises as :func:`read_card` does."""
        return read_card(self.name, self.weights, codebooks=self.codebooks)

    def load(self) -> Codec:
        """Load it; raises as :func:`load_codec` does."""
        return load_codec(self.name, self.weights, device=self.device, codebooks=self.codebooks)

    def load_all(self) -> list[Codec]:
        """Load it on every GPU, where it runs on GPUs and none is named; raises as :meth:`load`."""
        codecs = [self.load()]
        if codecs[0].device.startswith("cuda") and self.device in ("auto", "cuda"):
            import torch

            others = range(1, torch.cuda.device_count())
            codecs += [replace(self, device=f"cuda:{number}").load() for number in others]
        return codecs


@dataclass(frozen=True)
class CodecState:
    """A codec, here and now: whether it can be used.

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


def list_codecs(places: dict[str, Path]) -> list[CodecState]:
    """Return every codec with the state of its weights.

    Args:
        places: Where a codec's weights are looked for, other than where they usually are.
    """
    return [codec_state(name, places.get(name)) for name in codec_names()]


def codec_state(name: str, place: Path | None) -> CodecState:
    """Return whether a codec can be used, with weights at ``place`` or where they usually are."""
    known, weights = None, place or Path()
    try:
        known = about(name)
        weights = place or known.folder
        return CodecState(name, known, weights, read_card(name, weights).digest)
    except YueError as error:
        problem = f"{error.what} ({error.why})" if error.why else error.what
        return CodecState(name, known, weights, None, problem, error.fix)
    except OSError as error:
        fix = "give yourself the rights to read them"
        return CodecState(
            name, known, weights, None, f"{error.filename or weights}: {error.strerror}", fix
        )
