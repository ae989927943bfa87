"""The behavior ``mine``, made of functions of the test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import gevent

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.end import End
from vaurien.plugins.registry import Registry
from vaurien.protocols.base import BaseProtocol

Step = Callable[[BaseProtocol, End, End], Any]
#: The fixture ``act``: registers ``mine`` with up to three steps, before, between and after; the list gets what these
#: return or raise.
Act = Callable[..., list[Any]]


def until(may_go: threading.Event) -> Step:
    """Make a step that waits for *may_go*, which the test sets."""

    def wait(protocol: BaseProtocol, source: End, dest: End) -> None:
        while not may_go.is_set():
            gevent.sleep(0.001)

    return wait


def nothing(protocol: BaseProtocol, source: End, dest: End) -> None:
    """Do nothing: a step."""


def make_act(behaviors: Registry[Dummy]) -> Act:
    """Return the fixture ``act``."""

    def make(before: Step | None = None, between: Step | None = None, after: Step | None = None) -> list[Any]:
        outcomes: list[Any] = []

        def step(function: Step) -> Callable[..., Any]:
            def run(self: Dummy, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> Any:
                assert to_backend
                try:
                    outcomes.append(function(protocol, source, dest))
                except Exception as error:
                    outcomes.append(error)
                    raise
                return outcomes[-1]

            return run

        given = {'on_before_handle': before, 'on_between_handle': between, 'on_after_handle': after}
        steps = {name: step(function) for name, function in given.items() if function is not None}
        behaviors.register(type('Mine', (Dummy,), {'name': 'mine', **steps}))
        return outcomes

    return make
