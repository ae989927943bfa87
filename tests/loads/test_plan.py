"""A plan knows how much it asks for, and travels in a message."""

from __future__ import annotations

import msgspec
import pytest

from vaurien.loads.plan import Cycle, Plan


def test_hits_and_seconds() -> None:
    plan = Plan(test='t', cycles=(Cycle(10, 20), Cycle(20, 20)), agents=2)
    assert (plan.hits, plan.seconds) == (1200, None)
    plan = Plan(test='t', cycles=(Cycle(10, None, 3.0), Cycle(20, None, 3.0)))
    assert (plan.hits, plan.seconds) == (None, 6.0)


def test_a_message() -> None:
    plan = Plan(test='t', cycles=(Cycle(10, 20), Cycle(2, None, 3.0)), vaurien=('a=b',), python_dep=('redis>=5',))
    sent = msgspec.msgpack.decode(msgspec.msgpack.encode(plan.to_data()))
    assert Plan.from_data(sent) == plan
    with pytest.raises(msgspec.ValidationError):
        Plan.from_data({**sent, 'cycles': 3})
