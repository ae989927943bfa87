"""What a protocol is: bytes in, marks out, and the few things a fault needs to know.

A protocol object belongs to one link and is sans-IO: it is fed what arrives on each stream and says where messages
end. It never sees a socket or a clock. Positions count the bytes of a stream since the link was opened; those of the
upstream count what `feed_upstream` gave back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from inspect import Parameter, signature
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from vaurien.errors import OptionError
from vaurien.framing.error_reply import INJECTED as INJECTED, ErrorReply as ErrorReply
from vaurien.framing.head import MAX_HEAD as MAX_HEAD, TEXT_MAX as TEXT_MAX, escape as escape
from vaurien.framing.marks import (
    END as END,
    GREETING as GREETING,
    HEAD as HEAD,
    INTERIM as INTERIM,
    NOTHING as NOTHING,
    OPAQUE as OPAQUE,
    PROMPT as PROMPT,
    REPLY as REPLY,
    REQUEST as REQUEST,
    UNANSWERED as UNANSWERED,
    Mark as Mark,
)
from vaurien.plugins.options import Configurable

if TYPE_CHECKING:
    from vaurien.plugins.end import End


class BaseProtocol(Configurable):
    """Messages, exchanges and errors of one link.

    Subclasses override the ``feed_`` methods, `describe` and `error`; or `_handle` alone, to move the bytes themselves.
    """

    #: Whether an open connection may be moved to another backend between two exchanges without the client noticing.
    stateless: ClassVar[bool] = False

    #: Whether there is one reply for each request, in their order.
    ordered: ClassVar[bool] = True

    #: Whether the backend always speaks first, and the client is to wait for it.
    greets: ClassVar[bool] = False

    #: Why the framing ended, once an OPAQUE mark was given: ``upgrade to websocket``. Starting with ``!``: a
    #: warning, the bytes did not parse.
    opaque = ''
    #: How many of the next bytes of a stream are body, and need not be fed. Whoever forwards fewer than that unfed
    #: subtracts them.
    upstream_body = 0
    downstream_body = 0
    #: The head of the request that a behavior is being applied to.
    request = b''
    _chance = ''

    @classmethod
    def handles(cls) -> bool:
        """Whether it moves the bytes itself, in `_handle`."""
        return cls._handle is not BaseProtocol._handle

    @cached_property
    def random(self) -> Random:
        """What is left to chance in the reply to `request`: with the same seed it is the same again."""
        return Random(self._chance)

    def draw_from(self, chance: str) -> None:
        """Begin `random` anew."""
        self._chance = chance
        vars(self).pop('random', None)

    def set_backend(self, backend: str) -> None:
        """Called when the link's backend is known or changes, with its ``host:port``."""

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """Take what the client sent; give what is to go on, and the marks in it. An incomplete head is held back."""
        return data, NOTHING

    def end_upstream(self) -> bytes:
        """The client will send no more: give what was held back."""
        return b''

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """Take what the backend sent, all of which goes on; give the marks in it."""
        return NOTHING

    def end_downstream(self) -> Sequence[Mark]:
        """The backend will send no more: give the marks this brings."""
        return NOTHING

    def _refuse(self, reason: ValueError, position: int, marks: list[Mark]) -> None:
        """What came does not parse: framing ends at *position*, with a warning."""
        self.opaque = f'!{reason}'
        marks.append((OPAQUE, position))

    def withdraw(self) -> None:
        """The oldest request without a reply never reached the backend: do not expect its reply."""

    def describe(self, request: bytes) -> str:
        """A request's head as a short text without secrets, for matching and logs: ``GET /orders/7``."""
        return f'{len(request)} bytes'

    def on_reached(self, position: int) -> None:
        """The request that is described next begins at *position* of the upstream; no earlier one will be."""

    def describes_itself(self, request: bytes) -> bool:
        """Whether the text of *request* is in its bytes alone. False: it may be another one later on the link."""
        return True

    def on_prompted(self) -> None:
        """The client was asked for the rest of `request` in the backend's place."""

    @classmethod
    def check_error(cls, choice: Mapping[str, Any]) -> None:
        """Asked when an error is armed: raises `OptionError` for what `error` does not take by name."""
        parameters = [] if cls.error is BaseProtocol.error else list(signature(cls.error).parameters.values())
        if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
            return
        taken = [parameter.name for parameter in parameters[1:]]
        for name in choice:
            if name not in taken:
                told = f'have {" and ".join(taken)}' if taken else 'have nothing to choose'
                raise OptionError(f'errors of {cls.name} {told}', name)

    def error(self, *args: Any, **choice: Any) -> ErrorReply:
        """An error in reply to `request`, which is empty where the backend speaks first.

        Each protocol takes what its errors are made of, by name: a ``code``, an ``errno``, a ``message``. What is not
        given is the protocol's usual error, or left to chance.
        """
        return ErrorReply(self.random.randbytes(1000))

    def _handle(self, source: End, dest: End, to_backend: bool) -> bool | None:
        """Override to move the bytes yourself: called in a greenlet whenever *source* has something to read.

        ``False`` ends the link.
        """
        raise NotImplementedError
