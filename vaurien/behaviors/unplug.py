"""A cable that is pulled: silence on both sides, and no sign that a connection has ended."""

from __future__ import annotations

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.stage import Door, Stage


class Unplug(Dummy):
    """Reads and sends nothing on the connections that draw it, and ends none; once it is disarmed, they go on.

    With 100 percent, clients that connect meanwhile get no answer.
    """

    name = 'unplug'
    stage = Stage.CABLE
    door = Door.SILENT
