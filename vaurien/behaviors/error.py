"""A wrong answer: an error of the protocol in place of the reply, or noise inside it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.end import End
from vaurien.plugins.merged import MergedOptions
from vaurien.plugins.options import write_out
from vaurien.protocols import Protocol
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.error_answer import amend_reply, answer_with_error
from vaurien.rules.match import Ordinals

NOISE_BYTES = 100  # in the middle of a reply
OWN = {
    'inject': ('True: the real reply, with 100 random bytes in the middle of it', bool, False),
    'warmup': ('Number of exchanges that pass first: 12 is the same as nth=13+', Annotated[int, Meta(ge=0)], 0),
}
OPTIONS = MergedOptions(Protocol, 'error_options', OWN, taken=Dummy.options)  # what errors of any protocol are made of


class Error(Dummy):
    """Answers in the backend's place: with an error of the protocol, or random bytes where it has none."""

    name = 'error'
    options: ClassVar[Mapping[str, Any]] = OPTIONS

    @classmethod
    def check_protocol(cls, values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
        """Raise `OptionError` for what errors of *protocol* are not made of."""
        protocol.check_error(OPTIONS.choose(values))

    @classmethod
    def translate(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write ``warmup=12`` out as ``nth='13+'``."""
        first = values['warmup'] + 1
        return values if first == 1 else write_out(values, 'warmup', 'nth', Ordinals.parse(f'{first}+'))

    @cached_property
    def _choice(self) -> Mapping[str, Any]:
        return OPTIONS.choose(self.values)

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
        """Answer in the backend's place, and have the backend be as if it had answered."""
        return self.option('inject') or not answer_with_error(protocol, source, dest, self._choice)

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Put noise into the first part of the reply, or the error into its part of it."""
        if not self.option('inject'):
            amend_reply(protocol, source, dest)
        elif reply := dest.recv():
            middle = len(reply) // 2
            source.sendall(reply[:middle] + protocol.random.randbytes(NOISE_BYTES) + reply[middle:])
