"""Where something breaks off in the middle: a place in a reply, or in a handshake of TLS, as the value of an option."""

from __future__ import annotations

import re
from typing import Any, get_args

from vaurien.plugins.handshake import After
from vaurien.plugins.options import Parsed
from vaurien.plugins.units import SIZE

_COUNTED = re.compile(r'([1-9][0-9]{0,17}) *([a-z]+)')


class Place(Parsed):
    """A place in a reply, ``3 rows``, or in a handshake, ``server_hello``."""

    schema = {
        'anyOf': [
            {'type': 'string', 'enum': list(get_args(After))},
            {'type': 'string', 'pattern': '^[1-9][0-9]{0,8} *([a-z]+|B|kB|[KMG]i?B)$'},
        ]
    }

    def __init__(self, text: str, *, number: int = 0, unit: str = '', message: After | None = None) -> None:
        super().__init__(text)
        #: In a reply: behind so many of these.
        self.number = number
        self.unit = unit
        #: In a handshake: behind this message.
        self.message = message

    @classmethod
    def parse(cls, value: Any) -> Place:
        """Return *value* as a place; raise ValueError if it is none."""
        if value in get_args(After):
            return cls(value, message=value)
        text = value.strip() if isinstance(value, str) else ''
        size = SIZE.read(text)
        if size is not None and size >= 1 and size.denominator == 1:
            return cls(f'{size} bytes', number=int(size), unit='bytes')
        counted = _COUNTED.fullmatch(text)
        if counted is None:
            raise ValueError('expected a place such as 4096 bytes, 3 rows or server_hello')
        number, unit = int(counted[1]), counted[2]
        if number == 1 and not unit.endswith('s'):
            unit += 's'
        return cls(f'{number} {unit}', number=number, unit=unit)
