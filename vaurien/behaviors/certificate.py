"""A certificate that something is wrong with: clients are to refuse it."""

from __future__ import annotations

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.handshake import Handshake, Problem


class Certificate(Dummy):
    """Shows a client a wrong certificate. A client that accepts it is served as usual."""

    name = 'certificate'
    of_handshakes = ('problem',)
    needs_authority = True
    options = {'problem': ('What is wrong with it', Problem, 'expired')}

    def on_handshake(self) -> Handshake:
        """Show the certificate."""
        return Handshake(problem=self.option('problem'))
