"""Work that is done without an answer: the request is carried out, and its reply never arrives."""

from __future__ import annotations

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.end import End
from vaurien.plugins.handshake import After, Ending, Handshake
from vaurien.protocols.base import BaseProtocol


class Abort(Dummy):
    """Lets the request reach the backend, then cuts the client's connection before the reply.

    The cut comes when the backend has begun to reply: whatever the request does, has been done by then.
    """

    name = 'abort'
    of_handshakes = ('after',)
    options = {
        'after': ('In a handshake of TLS, the last message before that', After | None, None),
    }

    def on_handshake(self) -> Handshake:
        """Close the connection."""
        return Handshake(ending=Ending.CLOSE, after=self.option('after') or 'client_hello')

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Wait for the reply to begin, then close the connection."""
        dest.recv()
        source.close()
