"""A connection that is gone: it is closed, and nothing is sent."""

from __future__ import annotations

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.end import End
from vaurien.plugins.handshake import Ending, Handshake
from vaurien.protocols.base import BaseProtocol


class Blackout(Dummy):
    """Closes the client's connection at once; the request never reaches the backend."""

    name = 'blackout'

    def on_handshake(self) -> Handshake:
        """Close the connection."""
        return Handshake(ending=Ending.CLOSE)

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
        """Close the connection."""
        source.close()
        return False
