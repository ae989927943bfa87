"""Work that is done without an answer: the request is carried out, and its reply never arrives, or not whole."""

from __future__ import annotations

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.end import Damage, End
from vaurien.plugins.handshake import After, Ending, Handshake
from vaurien.protocols.base import BaseProtocol


class Abort(Dummy):
    """Lets the request reach the backend, then cuts the client's connection before the reply.

    The cut comes when the backend has begun to reply: whatever the request does, has been done by then.
    """

    name = 'abort'
    of_handshakes = ('after',)
    inside_tls = ('tls',)
    options = {
        'after': ('In a handshake of TLS, the last message before that', After | None, None),
        'tls': ('Inside TLS, in place of the cut: what is wrong with its end', Damage | None, None),
    }

    def on_handshake(self) -> Handshake:
        """Close the connection."""
        return Handshake(ending=Ending.CLOSE, after=self.option('after') or 'client_hello')

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Wait for the reply to begin, then close the connection, or damage its session of TLS."""
        damage, reply = self.option('tls'), dest.recv()
        if damage is None or not source.is_secure:
            source.close()
            return
        while damage == 'truncate' and reply:
            source.sendall(reply)
            reply = dest.recv()
        source.end_session(damage, reply)
