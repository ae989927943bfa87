"""Opaque bytes: no messages. Each chunk the client sends opens an exchange; so does a backend that speaks first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.framing.marks import GREETING, REPLY, REQUEST, Mark
from vaurien.protocols.base import BaseProtocol


class TCP(BaseProtocol):
    """Opaque bytes. An error is a thousand random bytes."""

    name = 'tcp'
    ordered = False
    is_opaque = True
    alpn = None

    def __init_subclass__(cls) -> None:
        """Let a subclass have messages of its own, unless it says that it is opaque."""
        super().__init_subclass__()
        cls.is_opaque = vars(cls).get('is_opaque', False)

    def __init__(
        self, options: Mapping[str, Any] | None = None, *, sent: int = 0, received: int = 0, spoken: bool = False
    ) -> None:
        """Take over in mid-stream, behind *sent* bytes upstream and *received* downstream.

        *spoken*: either peer has sent something before.
        """
        super().__init__(options)
        self._up_at = sent
        self._down_at = received
        self._spoken = spoken

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`: each chunk is a request."""
        self._spoken = True
        self._up_at += len(data)
        return data, ((REQUEST, self._up_at),)

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`: each chunk ends a reply, for all that is known."""
        self._down_at += len(data)
        reply = (REPLY, self._down_at)
        if self._spoken:
            return (reply,)
        self._spoken = True
        return (GREETING, self._down_at), reply
