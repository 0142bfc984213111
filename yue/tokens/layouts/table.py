r"""The table of layouts: what options, rules of a recipe, readers of rows and prompts ask of one.

=========== ====================================================== ========================== =====
layout      a document                                             one frame of a section     lanes
=========== ====================================================== ========================== =====
cot         header; sections of lyrics, then audio                 v:k0 i:k0 v:k1 i:k1 ...    2
icl         cot, with reference audio in the header                v:k0 i:k0 v:k1 i:k1 ...    2
interleave  sections of instruction, lyrics, then audio            v:k0 i:k0 v:k1 i:k1 ...    2
mix         sections of instruction and lyrics, and audio, or the  k0 k1 ...                  1
            other way round
stage2      chunks of six seconds: codebook 0 of all frames, then  k1 k2 ..., or with teacher 1
            the codebooks that stage 2 adds                        forcing k0 k1 k2 ...
=========== ====================================================== ========================== =====

v and i are the vocal and the instrumental track, k0, k1 ... the codebooks that documents carry
(``Options.codebooks``): of xcodec and melrvq one by default in stage 1, eight in stage 2; and all
of dac16k (4), dac44k (9) and semanticodec (2). With one codebook a frame of two lanes is v i, which
is what the released models were trained on.

The id of code c of codebook k is ``offsets[k] + c`` (:class:`yue.tokens.vocabulary.CodecRange`), so
ids say their codebook. Every block of codes stands between ``<SOA>`` with the codec's separators
(or ``<stage_1>``) and ``<EOA>``. So a document can be read back: :mod:`yue.tokens.roles` says what
each id is for, :mod:`yue.tokens.document_faults` what is odd.

Codes of semanticodec can be cut at every eighth frame alone (a patch of its encoder): sections,
prompts and chunks start and end there.

This module imports nothing, since reading a recipe imports it. Adding a layout: a module here, a
row of :data:`LAYOUTS`, a row of ``yue/tokens/assemble.py``, its name in the schema of recipes, and
a case in ``tests/tokens/test_layouts.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

_CODEBOOKS = tuple(f"codebook_{number}" for number in range(12))  # xcodec has the most


@dataclass(frozen=True)
class UpstreamRules:
    """What YuE's own script for a layout asks of rows; followed where ``compat`` is upstream.

    Attributes:
        keys: What a row must have, whatever its value.
        checks_rate: Whether frames over the song's length must be the codec's frame rate.
        measures_duration: Whether a section is too short by its ``duration``, not by its frames.
        limits_duration: Whether a section's ``duration`` must be within the song's length.
    """

    keys: tuple[str, ...] = ()
    checks_rate: bool = True
    measures_duration: bool = False
    limits_duration: bool = False


@dataclass(frozen=True)
class Layout:
    """What is so of every document of a layout.

    Attributes:
        stage: The stage of YuE that learns it, 1 or 2. A document of stage 2 has no text.
        lanes: Tracks that take turns in a section's codes: vocal and instrumental, or one alone.
        has_header: Whether a header with the lyrics of all sections comes first.
        has_reference: Whether the header has reference audio.
        reads_genres: Whether a row must have genres.
        upstream: What YuE's own script asks of rows.
    """

    stage: int = 1
    lanes: int = 2
    has_header: bool = False
    has_reference: bool = False
    reads_genres: bool = True
    upstream: UpstreamRules = UpstreamRules()

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that a model may learn in it, as users write them."""
        text = ("text",) if self.stage == 1 else ()
        codes = ("vocal", "instrumental") if self.lanes == 2 else _CODEBOOKS
        return (*text, "special", *codes)

    @property
    def is_generated(self) -> bool:
        """Whether songs can be generated in it: text first, then both tracks."""
        return self.lanes == 2


LAYOUTS = {
    "cot": Layout(has_header=True),
    "icl": Layout(
        has_header=True,
        has_reference=True,
        upstream=UpstreamRules(keys=("msa", "codec"), measures_duration=True),
    ),
    "interleave": Layout(),
    "mix": Layout(
        lanes=1,
        reads_genres=False,
        upstream=UpstreamRules(keys=("text",), checks_rate=False, limits_duration=True),
    ),
    "stage2": Layout(stage=2, lanes=1),
}
"""By the name that a recipe gives (``tokens.layout``)."""

GENERATED_LAYOUTS = tuple(name for name, layout in LAYOUTS.items() if layout.is_generated)
