"""A breakpoint: the request is held until somebody has seen it, and decides."""

from __future__ import annotations

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.end import End
from vaurien.plugins.units import PositiveSeconds
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.error_answer import amend_reply, answer_with_error
from vaurien.protocols.error_options import read_wanted


class Hold(Dummy):
    """Holds the request until somebody decides: it passes, is answered with an error, or the connection is closed."""

    name = 'hold'
    needs_one_process = True
    options = {'wait': ('Seconds after which the request passes if nobody has decided', PositiveSeconds, 30.0)}

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
        """Wait for the decision, and carry it out."""
        action, options = source.hold(protocol.describe(protocol.request), self.option('wait'))
        if action == 'error':
            return not answer_with_error(protocol, source, dest, read_wanted(options))
        if action == 'cut':
            source.close()
        return action == 'pass'

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Put the error into the reply, if that is where it belongs."""
        if protocol.amends:
            amend_reply(protocol, source, dest, read_wanted(source.decision.options))
