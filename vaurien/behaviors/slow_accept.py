"""A connection that nobody looks after at first: the server is too busy to accept it."""

from __future__ import annotations

from typing import Annotated

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.distribution import Distribution, DrawnSeconds
from vaurien.plugins.stage import Stage
from vaurien.plugins.units import Seconds


class SlowAccept(Dummy):
    """Lets a client that has connected wait, before its connection to the backend is made and a byte of it is read."""

    name = 'slow_accept'
    stage = Stage.CONNECTION
    options = {'delay': ('Seconds to wait', Annotated[Seconds, DrawnSeconds], 1.0)}

    def on_connection(self) -> float | Distribution:
        """Have the client wait."""
        delay: float | Distribution = self.option('delay')
        return delay
