"""Which tokens a run learns."""

from __future__ import annotations

from yue.dataset.rows import IGNORED, PackedRows, targets
from yue.errors import TrainingError
from yue.recipe.model import Train
from yue.tokens.roles import Role
from yue.wording import quoted


def learnt_roles(train: Train) -> tuple[Role, ...]:
    """The roles of ``train.loss_on``."""
    return tuple(Role[name.upper()] for name in train.loss_on)


def check_anything_learnt(rows: PackedRows, train: Train) -> None:
    """Check that some token has one of those roles.

    Raises:
        TrainingError: None has; a run would read everything and learn nothing.
    """
    roles = learnt_roles(train)
    for index in range(rows.epoch_rows(0)):
        if (targets(rows.row(0, index), roles) != IGNORED).any():
            return
    raise TrainingError(
        f"train.loss_on is {', '.join(train.loss_on)}, and no token of {rows.files.prefix} is that",
        why="each token layout has its own roles",
        fix=f"see `yue inspect {quoted(rows.files.prefix)}`, or change train.loss_on",
    )
