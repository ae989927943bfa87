"""An answer that comes, but slowly: one reply, in small pieces."""

from __future__ import annotations

from time import monotonic
from typing import Annotated

from msgspec import Meta

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.end import End
from vaurien.plugins.units import KILOBYTES_PER_SECOND
from vaurien.protocols.base import BaseProtocol

#: Seconds between two pieces, unless a single byte takes longer.
INTERVAL = 0.05


class Dribble(Dummy):
    """Sends one reply slowly. The client waits for its end, and sees that the connection is alive."""

    name = 'dribble'
    options = {
        'rate': ('Speed of the reply in 1000 bytes per second', Annotated[float, Meta(gt=0), KILOBYTES_PER_SECOND], 1.0)
    }

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Send each piece on when the time that it takes has passed."""
        rate = self.option('rate') * 1000
        size = max(1, int(rate * INTERVAL))
        dest.await_data()
        due = monotonic()
        while piece := dest.recv(size):
            due = max(due, monotonic() - INTERVAL) + len(piece) / rate
            source.sleep(max(0.0, due - monotonic()))
            source.sendall(piece)
