"""An answer that never comes, or not whole: the request, or the rest of the reply, is swallowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.end import End
from vaurien.plugins.handshake import Ending, Handshake
from vaurien.plugins.place import Place
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.partial_reply import pass_up_to


class Hang(Dummy):
    """Swallows the request; the connection stays open until the client gives up or the behavior is changed."""

    name = 'hang'
    of_handshakes = ('after',)
    options = {
        'after': ('The place before the silence: in the reply, or in a handshake of TLS', Place | None, None),
    }

    @classmethod
    def check_protocol(cls, values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
        """Raise `OptionError` for a place that replies of *protocol* do not have."""
        protocol.check_place(values.get('after'))

    def on_handshake(self) -> Handshake:
        """Say no more."""
        place = self.option('after')
        return Handshake(ending=Ending.SILENCE, after=(place and place.message) or 'client_hello')

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
        """Swallow the request, unless a part of its reply is to pass."""
        if self.option('after'):
            return True
        _stay_silent(source)
        return False

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Let the reply pass up to a place, and swallow the rest."""
        found = pass_up_to(protocol.find(self.option('after')), source, dest)
        if found is not None:
            source.sendall(found[0])
            _stay_silent(source)


def _stay_silent(client: End) -> None:
    """Read, and send nothing, for as long as the client stays."""
    while client.recv():
        pass
    client.close()
