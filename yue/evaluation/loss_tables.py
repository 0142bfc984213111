"""Sums of scores by song, place or kind of section, and their tables for ``dvc plots show``."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from yue.evaluation.scores import Score, Scores
from yue.files import atomic_file
from yue.tokens.layouts.cot import INSTRUCTION, START_OF_SEGMENT, head_text
from yue.tokens.roles import CODEBOOKS, PREDICTED, Role
from yue.tokens.vocabulary import SOA

if TYPE_CHECKING:
    from yue.tokens.text_tokenizer import TextTokenizer

ROLES: dict[str, tuple[Role, ...]] = {
    "vocal": (Role.VOCAL,),
    "instrumental": (Role.INSTRUMENTAL,),
    "text": (Role.TEXT,),
    "audio": PREDICTED,
    **{role.title: (role,) for role in CODEBOOKS},
}
"""What scores are reported for: names and the roles that they sum."""

Group = TypeVar("Group", str, int)
Sums = npt.NDArray[np.float64]


class Tally(Generic[Group]):
    """Sums that grow song by song."""

    def __init__(self) -> None:
        self._sums: dict[Group, Sums] = {}

    def add(
        self,
        groups: Sequence[Group],
        index: npt.NDArray[np.integer],
        roles: npt.NDArray[np.uint8],
        scores: Scores,
    ) -> None:
        """Add the scores of M tokens.

        Args:
            groups: Names of the groups; one may occur several times.
            index: Which of them each token is in, shape (M,).
            roles: Shape (M,).
            scores: Shape (M, 8).
        """
        sums = np.zeros((len(groups), len(Role), len(Score)))
        np.add.at(sums, (index, roles), scores)
        for group, found in zip(groups, sums, strict=True):
            self._sums[group] = self._sums.get(group, np.zeros_like(found)) + found

    def of(self, role: str) -> dict[Group, Sums]:
        """Return the sums (8,) of a role of :data:`ROLES` by group, where there are tokens."""
        found = {group: sums[list(ROLES[role])].sum(0) for group, sums in self._sums.items()}
        return {group: sums for group, sums in found.items() if sums[Score.TOKENS]}


HEADER = "header"
UNLABELLED = "unlabelled"
_HEAD = head_text("", []).rstrip()
_LABEL = re.compile(r"\s*\[([^\[\]\n]+)\]")
_NUMBER = re.compile(r"[\s\d]+$")


def section_kinds(
    tokens: npt.NDArray[np.int32], lengths: npt.NDArray[np.int32], tokenizer: TextTokenizer
) -> list[str]:
    """Name the kind of each sequence of a document: header, or the label of a section.

    Labels are compared without case and number: ``[Verse 2]`` is a ``verse``.

    Args:
        tokens: The document, shape (N,).
        lengths: Tokens of its sequences, shape (n,).
        tokenizer: The one that the text was encoded with.
    """
    ends = np.cumsum(lengths)
    texts = [
        tokenizer.decode(_text_before_codes(tokens[end - length : end]))
        for length, end in zip(lengths, ends, strict=True)
    ]
    return [HEADER if text.startswith(_HEAD) else _kind(text) for text in texts]


def _text_before_codes(section: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    codes = np.flatnonzero(section == SOA)
    return section[: codes[0]] if codes.size else section


def _kind(text: str) -> str:
    found = _LABEL.match(text.strip().removeprefix(START_OF_SEGMENT).removeprefix(INSTRUCTION))
    return _NUMBER.sub("", found[1]).strip().lower() or UNLABELLED if found else UNLABELLED


TRACKS = ("vocal", "instrumental", *(role.title for role in CODEBOOKS))
"""The roles that have tables of their own."""

_ALWAYS = TRACKS[:2]  # dvc.yaml draws these, so they are there even without a row
_COLUMNS = ("tokens", "base", "tuned", "change", "base_top1", "tuned_top1")
_SCORES = [Score.BASE_LOSS, Score.TUNED_LOSS, Score.BASE_TOP1, Score.TUNED_TOP1]


def write_tables(
    folder: Path, name: str, tally: Tally[Group], label: Callable[[Group], str] = str
) -> None:
    """Write ``NAME_TRACK.csv`` for each track that has tokens, one row a group.

    Columns: NAME, tokens, base, tuned, change, base_top1, tuned_top1; a loss is a mean in nats a
    token, a top-1 the share of tokens that the model finds likeliest.

    Args:
        folder: Where to.
        name: What the groups are.
        tally: The sums.
        label: The name of a group.
    """
    for track in TRACKS:
        sums = tally.of(track)
        if sums or track in _ALWAYS:
            rows = _rows({label(group): sums[group] for group in sorted(sums)})
            _write_csv(folder / f"{name}_{track}.csv", [name, *_COLUMNS], rows)


def write_roles(path: Path, songs: Tally[Any]) -> None:
    """Write one row for each role that has tokens; columns as in :func:`write_tables`."""
    by_role = {role: list(songs.of(role).values()) for role in ROLES}
    rows = _rows({role: np.sum(sums, axis=0) for role, sums in by_role.items() if sums})
    _write_csv(path, ["role", *_COLUMNS], rows)


def _rows(groups: dict[str, Sums]) -> list[list[Any]]:
    return [[name, *_numbers(sums)] for name, sums in groups.items()]


def _numbers(sums: Sums) -> list[Any]:
    base, tuned, base_top1, tuned_top1 = sums[_SCORES] / sums[Score.TOKENS]
    shown = (base, tuned, tuned - base, base_top1, tuned_top1)
    return [int(sums[Score.TOKENS]), *(f"{value:.6f}" for value in shown)]


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with atomic_file(path, "w") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
