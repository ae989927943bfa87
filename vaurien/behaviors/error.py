"""A wrong answer: an error of the protocol in place of the reply, or noise inside it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.end import End
from vaurien.plugins.handshake import REFUSALS, Handshake, refuse
from vaurien.plugins.merged import MergedOptions
from vaurien.plugins.options import Natural, write_out
from vaurien.protocols import Protocol
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.error_answer import amend_reply, answer_with_error, spoil_reply
from vaurien.rules.match import Ordinals

OWN = {
    'inject': ('True: the real reply, with 100 random bytes in the middle of it', bool, False),
    **REFUSALS,
    'warmup': ('Number of exchanges that pass first: 12 is the same as nth=13+', Natural, 0),
}
OPTIONS = MergedOptions(Protocol, 'error_options', OWN, taken=Dummy.options)  # of any protocol


class Error(Dummy):
    """Answers in the backend's place: with an error of the protocol, or random bytes where it has none."""

    name = 'error'
    of_handshakes = tuple(REFUSALS)
    options: ClassVar[Mapping[str, Any]] = OPTIONS

    @classmethod
    def check_protocol(cls, values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
        """Raise `OptionError` for what errors of *protocol* are not made of."""
        protocol.check_error(OPTIONS.choose(values))

    @classmethod
    def translate(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write ``warmup=12`` out as ``nth='13+'``."""
        warmup = values['warmup']
        return write_out(values, 'warmup', 'nth', Ordinals.parse(f'{warmup + 1}+')) if warmup else values

    @cached_property
    def _choice(self) -> Mapping[str, Any]:
        return OPTIONS.choose(self.values)

    def on_handshake(self) -> Handshake:
        """Answer with an alert, or in the clear."""
        return refuse(**{name: self.option(name) for name in REFUSALS})

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
        """Answer in the backend's place, and have the backend be as if it had answered."""
        return self.option('inject') or not answer_with_error(protocol, source, dest, self._choice)

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Put noise into the first part of the reply, or the error into its part of it."""
        (spoil_reply if self.option('inject') else amend_reply)(protocol, source, dest)
