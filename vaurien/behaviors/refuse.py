"""A connection that is refused: nothing listens on the port."""

from __future__ import annotations

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.stage import Door, Stage


class Refuse(Dummy):
    """Refuses every client that connects while it is armed. Connections that there were before go on."""

    name = 'refuse'
    stage = Stage.CONNECTION
    door = Door.CLOSED
