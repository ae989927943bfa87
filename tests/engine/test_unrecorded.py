"""What stands in the place of a recorder where nobody wants to know of exchanges."""

from __future__ import annotations

import inspect
from typing import cast

import pytest

from vaurien.engine.arming import LinkDraws
from vaurien.engine.recorder import Recorder
from vaurien.engine.unrecorded import UNRECORDED, Unrecorded
from vaurien.protocols.base import BaseProtocol

METHODS = [name for name, _ in inspect.getmembers(Unrecorded, inspect.isfunction)]


def test_what_is_armed_draws_by_itself() -> None:
    draws = cast(LinkDraws, object())
    assert UNRECORDED.watch(draws, BaseProtocol(), 3) is draws
    assert UNRECORDED.watch(None, BaseProtocol(), 0) is None


def test_one_object_serves_every_link() -> None:
    with pytest.raises(AttributeError):
        UNRECORDED.link = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize('name', METHODS)
def test_a_recorder_handles_all_that_it_is_told_of(name: str) -> None:
    assert name in vars(Recorder)
    mine, its = (inspect.signature(getattr(each, name)).parameters for each in (Recorder, Unrecorded))
    assert list(mine) == list(its)
