"""How what was left out is weighed and said."""

from __future__ import annotations

import pytest

from yue.errors import SongError
from yue.tokens.rejections import check_share, summarise
from yue.tokens.rows import Rejected

ENTRIES = [Rejected(f"s:{n}", f"reason {n}", f"fix {n}") for n in range(1, 6)]


def test_nothing_left_out_is_nothing() -> None:
    assert summarise(5, 5, []) == "nothing"
    check_share(5, 5, [], 0)
    check_share(0, 0, [], 0)


def test_the_first_reasons_are_said_and_the_rest_counted() -> None:
    assert summarise(10, 8, ENTRIES) == (
        "2 songs and 3 sections: s:1: reason 1; s:2: reason 2; s:3: reason 3; and 2 more"
    )
    assert summarise(10, 9, ENTRIES[:1]) == "1 song and 0 sections: s:1: reason 1"


@pytest.mark.parametrize(
    ("lost", "limit", "fails"), [(1, 0.1, False), (2, 0.1, True), (1, 0, True)]
)
def test_the_share_is_of_songs(lost: int, limit: float, fails: bool) -> None:
    if not fails:
        check_share(10, 10 - lost, ENTRIES, limit)
        return
    with pytest.raises(SongError, match=f"{lost} of 10 songs cannot be used") as error:
        check_share(10, 10 - lost, ENTRIES, limit)
    assert error.value.fix.startswith("fix 1; or allow more with data.max_rejected_share")
