"""Work that is done without an answer: the request is carried out, and its reply never arrives, or not whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaurien.behaviors.dummy import Dummy
from vaurien.framing.error_reply import ErrorReply
from vaurien.plugins.end import Damage, End
from vaurien.plugins.handshake import Ending, Handshake
from vaurien.plugins.place import Place
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.partial_reply import pass_up_to


class Abort(Dummy):
    """Lets the request reach the backend, then cuts the client's connection: before the reply, or in its middle.

    The cut comes once the request is carried out: as the reply begins, or as it ends if the backend works until then.
    """

    name = 'abort'
    of_handshakes = ('after',)
    inside_tls = ('tls',)
    options = {
        'after': ('The place before the cut: in the reply, or in a handshake of TLS', Place | None, None),
        'tls': ('Inside TLS, in place of the cut: what is wrong with its end', Damage | None, None),
    }

    @classmethod
    def check_protocol(cls, values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
        """Raise `OptionError` for a place that replies of *protocol* do not have."""
        protocol.check_place(values.get('after'))

    def on_handshake(self) -> Handshake:
        """Close the connection."""
        place = self.option('after')
        return Handshake(ending=Ending.CLOSE, after=(place and place.message) or 'client_hello')

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Wait for the reply to begin, or pass it up to a place, then close the connection, or damage its TLS."""
        place, damage = self.option('after'), self.option('tls') if source.is_secure else None
        found = pass_up_to(protocol.find(place), source, dest) if place else (dest.recv(), b'')
        if found is None:
            return
        reply, _ = found
        while damage == 'truncate' and reply and not place:
            source.sendall(reply)
            reply = dest.recv()
        if protocol.works_while_replying:
            dest.skip_reply()
        if damage is not None:
            source.end_session(damage, reply)
        elif place:
            source.answer(ErrorReply(reply, closes=True))
        else:
            source.close()
