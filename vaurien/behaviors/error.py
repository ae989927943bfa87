"""Wrong: an error of the protocol in place of the reply, or noise inside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from vaurien.behaviors.dummy import Dummy
from vaurien.errors import OptionError
from vaurien.framing.http_headers import Headers
from vaurien.plugins.options import Line, Option
from vaurien.rules.match import Ordinals

if TYPE_CHECKING:
    from vaurien.plugins.end import End
    from vaurien.protocols.base import BaseProtocol

SQLState = Annotated[str, Meta(pattern='^[0-9A-Z]{5}$')]

#: What errors are made of; each protocol takes some of it.
PARTS: Mapping[str, Option] = {
    'code': ('Status of HTTP (none: 500 to 503) or SMTP (451)', Annotated[int, Meta(ge=400, le=599)] | None, None),
    'reason': ('What follows the status of HTTP (none: the usual phrase)', Line | None, None),
    'headers': ('More header fields of HTTP: names and values, or lines of Name: value', Headers | None, None),
    'body': ('Body of HTTP (none: a line of text)', str | None, None),
    'retry_after': ('Seconds that HTTP asks to wait', Annotated[int, Meta(ge=0)] | None, None),
    'message': ('Text, but of HTTP; of Redis with its kind: MOVED 1 host:6379, or LOADING alone', Line | None, None),
    'errno': ('Error number of MySQL (none: 1205)', Annotated[int, Meta(ge=1, le=65534)] | None, None),
    'sqlstate': ('SQLSTATE of PostgreSQL (none: 57P01) or MySQL (by errno)', SQLState | None, None),
}
#: Random bytes put into the middle of a reply.
NOISE_BYTES = 100


class Error(Dummy):
    """Answers in the backend's place: with an error of the protocol, or random bytes where it has none."""

    name = 'error'
    options = {
        **PARTS,
        'inject': ('True: the real reply, with 100 random bytes in the middle of it', bool, False),
        'warmup': ('Number of exchanges that pass first: 12 is the same as nth=13+', Annotated[int, Meta(ge=0)], 0),
    }

    @classmethod
    def check_protocol(cls, values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
        """Its errors may be made of something else."""
        protocol.check_error(_choose(values))

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
        choice = _choose(self.values)
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


def _choose(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in PARTS and value is not None}
