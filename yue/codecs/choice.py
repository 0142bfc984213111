"""Which codec to use, with which weights and where: as a recipe or flags say it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yue.codecs.base import Codec
from yue.codecs.card import CodecCard
from yue.codecs.registry import about, load_codec, load_codecs, read_card

if TYPE_CHECKING:
    from yue.recipe.model import Recipe


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
        """What a recipe says, with paths resolved against ``root``."""
        codec = recipe.codec
        return cls(codec.name, root / codec.path, codec.codebooks, recipe.runtime.device)

    @classmethod
    def of_flags(
        cls, name: str, weights: Path | None, codebooks: int | None, device: str | None
    ) -> CodecChoice:
        """What flags say; what they leave open is as usual for the codec.

        Raises:
            CodecError: No such codec.
        """
        known = about(name)
        return cls(name, weights or known.folder, codebooks or known.codebooks, device or "auto")

    def card(self) -> CodecCard:
        """What it is, without loading it; raises as :func:`yue.codecs.registry.read_card` does."""
        return read_card(self.name, self.weights, codebooks=self.codebooks)

    def load(self) -> Codec:
        """Load it; raises as :func:`yue.codecs.registry.load_codec` does."""
        return load_codec(self.name, self.weights, device=self.device, codebooks=self.codebooks)

    def load_all(self) -> list[Codec]:
        """Load it once for each device; raises as :meth:`load` does."""
        return load_codecs(self.name, self.weights, device=self.device, codebooks=self.codebooks)
