"""Entries for tests."""

from __future__ import annotations

from typing import Any

from vaurien.framing.meaning import Effect, ReplyClass
from vaurien.records.entry import Entry


def make_entry(request: str = 'GET user:1', nth: int = 1, **fields: Any) -> Entry:
    usual = {'time': 1.5, 'proxy': 'redis', 'link': 1, 'exchange': nth, 'effect': Effect.READ, 'reply': ReplyClass.OK}
    return Entry(**{**usual, 'request': request, 'nth': nth, **fields})
