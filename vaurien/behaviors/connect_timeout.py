"""A connection that is never established: the host does not answer."""

from __future__ import annotations

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.stage import Door, Stage


class ConnectTimeout(Dummy):
    """Does not answer clients that connect while it is armed. Connections that there were before go on."""

    name = 'connect_timeout'
    stage = Stage.CONNECTION
    door = Door.SILENT
