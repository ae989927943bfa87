"""What is kept of a run at a proxy."""

from __future__ import annotations

from itertools import count

import pytest

from vaurien.explore.aiming import Aim
from vaurien.explore.watching import Origin, Take


def make() -> Take:
    return Take('redis', Aim(()), {}, count())


def ask(take: Take, *, is_own: bool = False) -> None:
    take.count(1, 1, 'GET user:1', Origin(is_own))


def test_the_application_has_asked() -> None:
    take = make()
    ask(take)
    take.is_armed = False  # ended meanwhile
    ask(take)
    assert take.is_asked


@pytest.mark.parametrize(('is_own', 'is_armed'), [(True, True), (False, False)], ids=['a test', 'an end'])
def test_what_a_test_or_the_end_of_a_run_asks_for_does_not_count(is_own: bool, is_armed: bool) -> None:
    take = make()
    take.is_armed = is_armed
    ask(take, is_own=is_own)
    assert not take.is_asked
