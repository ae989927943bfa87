"""An answer whose form is wrong: the client cannot read it to its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vaurien.behaviors.dummy import Dummy
from vaurien.errors import OptionError
from vaurien.framing.error_reply import ErrorReply
from vaurien.plugins.end import End
from vaurien.protocols.base import BaseProtocol

Kind = Literal['chunk-size', 'content-length']


class Malformed(Dummy):
    """Makes the form of a reply wrong, and ends the connection behind it. The request reaches the backend."""

    name = 'malformed'
    options = {'kind': ('What is wrong with it', Kind, 'chunk-size')}

    @classmethod
    def check_protocol(cls, values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
        """Raise `OptionError` for what cannot be wrong with replies of *protocol*."""
        kind = values.get('kind', cls.options['kind'][-1])
        if kind not in protocol.malformations:
            raise OptionError(f'replies of {protocol.name} have no {kind} that could be wrong', 'kind')

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Let the reply pass with what is wrong. One that has nothing of the kind passes as it is."""
        malformation = protocol.malformations[self.option('kind')](protocol.request)
        while not malformation.is_over and (reply := dest.recv()):
            if shown := malformation.feed(reply):
                source.sendall(shown)
        if malformation.is_done:
            source.answer(ErrorReply(b'', closes=True))
