"""The interface of who chooses a fault for one request, in place of the draw."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from vaurien.records.observer import ObservedLink
from vaurien.rules.rule import Rule


class Choice(NamedTuple):
    """What a chooser says of one request."""

    #: The rule for it, declared or at work; its percent and its limits do not matter. None: the request draws.
    rule: Rule | None = None
    #: Where it comes from, ``app/orders.py:41``, for `Entry.where`; empty if nobody knows.
    where: str = ''
    #: Whether the request passes, whatever is armed.
    passes: bool = False
    #: What chance depends on in the fault, as `Entry.chance` has it; empty: on the link and the exchange.
    chance: str = ''


class Chooser(Protocol):
    """Is asked for each request, before the draw."""

    def choose(self, link: ObservedLink, exchange: int, text: str, nth: int, request: bytes) -> Choice | None:
        """Choose for a request that has come; return None if there is nothing to say.

        It is the *exchange*-th of its *link*, and the *nth* of its proxy that has this *text*. *request* has its head,
        at least. It is empty where the backend speaks first. This is called in the event loop of the proxy, and must
        neither block nor raise.
        """
