"""An answer that never comes: the request is swallowed."""

from __future__ import annotations

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.end import End
from vaurien.plugins.handshake import After, Ending, Handshake
from vaurien.protocols.base import BaseProtocol


class Hang(Dummy):
    """Swallows the request; the connection stays open until the client gives up or the behavior is changed."""

    name = 'hang'
    of_handshakes = ('after',)
    options = {
        'after': ('In a handshake of TLS, the last message before that', After | None, None),
    }

    def on_handshake(self) -> Handshake:
        """Say no more."""
        return Handshake(ending=Ending.SILENCE, after=self.option('after') or 'client_hello')

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
        """Read, and send nothing, for as long as the client stays."""
        while source.recv():
            pass
        source.close()
        return False
