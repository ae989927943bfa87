"""Locust's ``FastHttpSession`` for a test that runs under plain unittest or pytest."""

from __future__ import annotations

import os
from typing import Any

#: What keeps Locust from patching the standard library under somebody's test run.
SKIP = 'LOCUST_SKIP_MONKEY_PATCH'


def make_unpatched(server_url: str) -> Any:
    """A session that reports to nobody. Imports Locust, as late as this."""
    before = os.environ.get(SKIP)
    os.environ[SKIP] = '1'
    try:
        from locust.contrib.fasthttp import FastHttpSession
        from locust.event import EventHook
    finally:
        if before is None:
            del os.environ[SKIP]
    return FastHttpSession(base_url=server_url, request_event=EventHook(), user=None)
