"""A wrong answer: an error of the protocol in place of the reply, or noise inside it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.end import End
from vaurien.plugins.handshake import REFUSALS, Handshake, refuse
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.broken_reply import break_off_with_error, prepare_to_break_off
from vaurien.protocols.error_answer import amend_reply, answer_with_error, spoil_reply
from vaurien.protocols.error_options import OPTIONS, Wanted, check_options, read_wanted, write_out_warmup


class Error(Dummy):
    """Answers in the backend's place: with an error of the protocol, or random bytes where it has none."""

    name = 'error'
    of_handshakes = tuple(REFUSALS)
    options: ClassVar[Mapping[str, Any]] = OPTIONS

    @classmethod
    def check_protocol(cls, values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
        """Raise `OptionError` for what errors of *protocol* are not made of."""
        check_options(values, protocol)

    @classmethod
    def translate(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write ``warmup=12`` out as ``nth='13+'``."""
        return write_out_warmup(values)

    @cached_property
    def _wanted(self) -> Wanted:
        return read_wanted(self.values)

    def on_handshake(self) -> Handshake:
        """Answer with an alert, or in the clear."""
        return refuse(**{name: self.option(name) for name in REFUSALS})

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
        """Answer in the backend's place, unless a part of the reply is to pass; have the backend be as if it had."""
        if self._wanted.place:
            prepare_to_break_off(protocol, source, dest)
        elif not self.option('inject'):
            return not answer_with_error(protocol, source, dest, self._wanted)
        return True

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Put noise into the first part of the reply, or the error into its place in it."""
        if self.option('inject'):
            spoil_reply(protocol, source, dest)
        else:
            (break_off_with_error if self._wanted.place else amend_reply)(protocol, source, dest, self._wanted)
