"""Gone: the client's connection is closed, nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaurien.behaviors.dummy import Dummy

if TYPE_CHECKING:
    from vaurien.plugins.end import End
    from vaurien.protocols.base import BaseProtocol


class Blackout(Dummy):
    """Closes the client's connection at once; the request never reaches the backend."""

    name = 'blackout'

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
        """Close."""
        source.close()
        return False
