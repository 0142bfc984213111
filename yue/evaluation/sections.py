"""Which kind of section each token of a song is in: header, verse, chorus and so on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from yue.tokens.layouts.cot import INSTRUCTION, START_OF_SEGMENT, head_text
from yue.tokens.vocabulary import SOA

if TYPE_CHECKING:
    from yue.tokens.text import TextTokenizer

HEADER = "header"
UNLABELLED = "unlabelled"
_HEAD = head_text("", []).rstrip()
_LABEL = re.compile(r"\s*\[([^\[\]\n]+)\]")
_NUMBER = re.compile(r"[\s\d]+$")


def section_kinds(
    tokens: npt.NDArray[np.int32], lengths: npt.NDArray[np.int32], tokenizer: TextTokenizer
) -> list[str]:
    """The kind of each sequence of a document: the header if it has one, each section's label.

    Labels are compared without case and number: ``[Verse 2]`` is a ``verse``.

    Args:
        tokens: The document, shape (N,).
        lengths: Tokens of its sequences, shape (n,).
        tokenizer: The one that the text was encoded with.
    """
    ends = np.cumsum(lengths)
    texts = [
        tokenizer.decode(_opening(tokens[end - length : end]))
        for length, end in zip(lengths, ends, strict=True)
    ]
    return [HEADER if text.startswith(_HEAD) else _kind(text) for text in texts]


def _opening(section: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    codes = np.flatnonzero(section == SOA)
    return section[: codes[0]] if codes.size else section


def _kind(text: str) -> str:
    found = _LABEL.match(text.strip().removeprefix(START_OF_SEGMENT).removeprefix(INSTRUCTION))
    return _NUMBER.sub("", found[1]).strip().lower() or UNLABELLED if found else UNLABELLED
