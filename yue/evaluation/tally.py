"""Sums of scores by group (a song, a place, a kind of section) and role, in little memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from yue.evaluation.scores import Score, Scores
from yue.tokens.roles import CODEBOOKS, PREDICTED, Role

ROLES: dict[str, tuple[Role, ...]] = {
    "vocal": (Role.VOCAL,),
    "instrumental": (Role.INSTRUMENTAL,),
    "text": (Role.TEXT,),
    "audio": PREDICTED,
    **{role.title: (role,) for role in CODEBOOKS},
}
"""What scores are told for: names and the roles that they sum."""

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
        """Sums of a role of :data:`ROLES` by group, where there are tokens; each shape (8,)."""
        found = {group: sums[list(ROLES[role])].sum(0) for group, sums in self._sums.items()}
        return {group: sums for group, sums in found.items() if sums[Score.TOKENS]}
