"""The kinds of marks, by their numbers."""

from __future__ import annotations

from vaurien.framing.marks import (
    END,
    GREETING,
    HEAD,
    INTERIM,
    LAST_OPENING,
    OPAQUE,
    PROMPT,
    REPLY,
    REQUEST,
    UNANSWERED,
)

KINDS = [HEAD, REQUEST, END, UNANSWERED, REPLY, INTERIM, PROMPT, GREETING, OPAQUE]


def test_those_that_open_an_exchange_come_first() -> None:
    assert [kind for kind in KINDS if kind <= LAST_OPENING] == [HEAD, REQUEST]
    assert len(set(KINDS)) == len(KINDS)
    assert 0 not in KINDS  # protocols write it for no mark at all
