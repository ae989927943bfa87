"""Wrong: an error of the protocol in place of the reply, or noise inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from vaurien.behaviors.dummy import Dummy

if TYPE_CHECKING:
    from vaurien.engine.end import End
    from vaurien.protocols.base import BaseProtocol

SQLState = Annotated[str, Meta(pattern='^[0-9A-Z]{5}$')]

#: Random bytes put into the middle of a reply.
NOISE_BYTES = 100


class Error(Dummy):
    """Answers in the backend's place: with an error of the protocol, or random bytes where it has none."""

    name = 'error'
    options = {
        'code': ('Status of HTTP (none: 500 to 503) or SMTP (451)', Annotated[int, Meta(ge=400, le=599)] | None, None),
        'errno': ('Error number of MySQL (none: 1205)', Annotated[int, Meta(ge=1, le=65534)] | None, None),
        'sqlstate': ('SQLSTATE of PostgreSQL (none: 57P01) or MySQL (by errno)', SQLState | None, None),
        'inject': ('True: the real reply, with 100 random bytes in the middle of it', bool, False),
        'warmup': ('Number of exchanges that pass first', Annotated[int, Meta(ge=0)], 0),
    }
    _passed = 0

    def is_due(self) -> bool:
        """Not before the warm-up is over, which counts from when it was armed."""
        self._passed += 1
        return self._passed > int(self.option('warmup'))

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
        """Answer in the backend's place."""
        if self.option('inject'):
            return True
        options = {name: self.option(name) for name in ('code', 'errno', 'sqlstate')}
        choice = {name: value for name, value in options.items() if value is not None}
        reply = protocol.error(**choice)
        if not (reply.closes or reply.early):  # at its end a protocol may know more: the number of the next packet
            source.skip_message()
            reply = protocol.error(**choice)
        source.answer(reply)
        return False

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Put noise into the first part of the reply."""
        if self.option('inject') and (reply := dest.recv()):
            middle = len(reply) // 2
            source.sendall(reply[:middle] + protocol.random.randbytes(NOISE_BYTES) + reply[middle:])
