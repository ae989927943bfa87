"""What a dispatcher tells of its exchanges, and who listens where nobody wants to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vaurien.engine.arming import LinkDraws
from vaurien.framing.marks import Mark
from vaurien.native.told import Told
from vaurien.protocols.base import BaseProtocol
from vaurien.rules.rule import Rule


class FaultyExchange(Protocol):
    """The part of an exchange with a behavior that matters here."""

    @property
    def rule(self) -> Rule | None:
        """The rule at work."""

    @property
    def has_begun(self) -> bool:
        """Whether the behavior runs, or has run."""

    @property
    def chance(self) -> str:
        """What chance depends on in the behavior; empty until it begins."""

    @property
    def sending(self) -> bool:
        """Whether the request goes on to the backend."""

    @property
    def is_dropped(self) -> bool:
        """Whether the behavior has kept the request from going on."""

    @property
    def expects_reply(self) -> bool:
        """Whether the backend would reply."""


class Unrecorded:
    """Records nothing.

    This is also the base of what does. It has no state, so that one object, `UNRECORDED`, serves every link.
    """

    __slots__ = ()

    @property
    def draws(self) -> LinkDraws | None:
        """What draws for the link once its exchanges are recorded no more."""
        return None

    @property
    def is_done(self) -> bool:
        """Whether nobody wants to know of the next exchanges, and all that it has recorded are over."""
        return False

    @property
    def takes_whole(self) -> bool:
        """Whether it is enough to tell of exchanges when they have passed, by whole messages."""
        return True

    @property
    def told(self) -> Told | None:
        """Who is told of them then."""
        return None

    def watch(self, draws: LinkDraws | None, protocol: BaseProtocol, exchanges: int) -> LinkDraws | None:
        """Return what draws from now on: *draws*, or what records what they draw.

        *protocol* is the one of the link, which may be another one than before; there were so many *exchanges*.
        """
        return draws

    def on_upstream(self, data: bytes, marks: Sequence[Mark]) -> None:
        """Handle what the client has sent, before it goes on or is held."""

    def on_downstream(self, data: bytes, marks: Sequence[Mark]) -> None:
        """Handle what the backend has sent, before it goes on or is held."""

    def on_unanswered(self) -> None:
        """Handle that the request that was drawn for last goes on, and gets no reply."""

    def on_fault(self, exchange: FaultyExchange) -> None:
        """Handle that the exchange that was drawn for last is going to meet a behavior."""

    def on_fault_over(self, exchange: FaultyExchange) -> None:
        """Handle that the behavior is done, and that the link goes on."""

    def on_passing(self) -> None:
        """Handle that the behavior lets the request go on."""

    def on_answer(self, data: bytes) -> None:
        """Handle what a behavior writes to the client."""

    def on_prompted(self) -> None:
        """Handle that what a behavior has written was no answer, but asks for the rest of the request."""

    def on_own_request(self) -> None:
        """Handle that the proxy asks something of its own, whose reply comes before any other."""

    def on_swallowed(self, exchange: int) -> None:
        """Handle that a behavior reads a request that came behind the one that it is applied to."""

    def rewind(self, exchanges: int) -> None:
        """Forget the requests that were not drawn for: they will come again, behind so many *exchanges*."""

    def on_closed(self) -> None:
        """Handle that the link is closed."""


#: The recorder of every link whose exchanges nobody wants to know of.
UNRECORDED = Unrecorded()
