"""Wrong: an error of the protocol in place of the reply, or noise inside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from vaurien.behaviors.dummy import Dummy
from vaurien.errors import OptionError
from vaurien.plugins.merged import MergedOptions
from vaurien.plugins.options import Option
from vaurien.protocols import Protocol
from vaurien.rules.match import Ordinals

if TYPE_CHECKING:
    from vaurien.plugins.end import End
    from vaurien.protocols.base import BaseProtocol

#: Random bytes put into the middle of a reply.
NOISE_BYTES = 100
#: What errors of any protocol are made of, and what all of them have.
OPTIONS = MergedOptions(
    Protocol,
    'error_options',
    {
        'inject': ('True: the real reply, with 100 random bytes in the middle of it', bool, False),
        'warmup': ('Number of exchanges that pass first: 12 is the same as nth=13+', Annotated[int, Meta(ge=0)], 0),
    },
    taken=Dummy.options,
)


class Error(Dummy):
    """Answers in the backend's place: with an error of the protocol, or random bytes where it has none."""

    name = 'error'
    options: ClassVar[Mapping[str, Option]] = OPTIONS

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._choice = OPTIONS.choose(self.values)

    @classmethod
    def check_protocol(cls, values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
        """Raise `OptionError` for what errors of *protocol* are not made of."""
        protocol.check_error(OPTIONS.choose(values))

    @classmethod
    def translate(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write ``warmup=12`` out as ``nth='13+'``."""
        warmup, nth = values['warmup'], values['nth']
        if not warmup:
            return values
        late = Ordinals.parse(f'{warmup + 1}+')
        if nth not in (None, late):
            raise OptionError(f'it is the same as nth={late}, which contradicts nth={nth}', 'warmup')
        return {**values, 'nth': late}

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
        """Answer in the backend's place."""
        if self.option('inject'):
            return True
        reply = protocol.error(**self._choice)
        if not (reply.closes or reply.early):  # at its end a protocol may know more: the number of the next packet
            source.skip_message()
            reply = protocol.error(**self._choice)
        source.answer(reply)
        return False

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Put noise into the first part of the reply."""
        if self.option('inject') and (reply := dest.recv()):
            middle = len(reply) // 2
            source.sendall(reply[:middle] + protocol.random.randbytes(NOISE_BYTES) + reply[middle:])
