"""An exchange as a line of the journal has it."""

from __future__ import annotations

import msgspec

from vaurien.framing.meaning import Effect, ReplyClass
from vaurien.records.entry import Entry

SHORT = Entry(time=1.5, proxy='api', link=1, exchange=2, request='GET /orders/7', nth=1, effect=Effect.READ)


def test_a_line_has_only_what_there_is_to_say() -> None:
    line = msgspec.json.decode(msgspec.json.encode(SHORT))
    assert sorted(line) == ['effect', 'exchange', 'link', 'nth', 'proxy', 'request', 'time']


def test_all_of_it_comes_back() -> None:
    fault = {'behavior': 'delay', 'options': {'sleep': 2}, 'chance': 'a7'}
    entry = msgspec.structs.replace(SHORT, reply=ReplyClass.OK, executed=False, seconds=0.25, key='k', **fault)
    assert msgspec.json.decode(msgspec.json.encode(entry), type=Entry) == entry
