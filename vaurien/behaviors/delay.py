"""An answer that comes late: the request, or the reply, waits."""

from __future__ import annotations

from typing import Annotated

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.distribution import DrawnSeconds, draw
from vaurien.plugins.end import End
from vaurien.plugins.handshake import Handshake
from vaurien.plugins.units import Seconds
from vaurien.protocols.base import BaseProtocol


class Delay(Dummy):
    """Holds one exchange back for a while."""

    name = 'delay'
    options = {
        'sleep': ('Seconds to wait', Annotated[Seconds, DrawnSeconds], 1.0),
        'before': ('True: the request waits before it goes on. False: the reply is held back', bool, True),
    }

    def on_handshake(self) -> Handshake:
        """Have the client's first message wait."""
        return Handshake(delay=self.option('sleep'))

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
        """Wait, if it is the request that is late."""
        if self.option('before'):
            source.sleep(draw(self.option('sleep'), lambda: protocol.random))
        return True

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Wait from when the reply begins, if it is the reply that is late."""
        if not self.option('before'):
            dest.await_data()
            source.sleep(draw(self.option('sleep'), lambda: protocol.random))
