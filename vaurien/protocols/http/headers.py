"""Header fields of an HTTP reply, as the value of an option."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vaurien.plugins.options import Parsed, shorten

#: A field name, and a value on one line (RFC 9110, 5.1 and 5.5).
_FIELD = re.compile(r"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:(?P<value>[^\x00-\x08\x0a-\x1f\x7f]*)")
#: What says where the reply ends: not to be chosen (RFC 9112, 6).
_FRAMING = {'connection', 'content-length', 'transfer-encoding'}
#: What may be chosen all the same: that the connection closes (RFC 9112, 9.6).
_CLOSE = ('connection', 'close')


class Headers(Parsed):
    """Names and values, in order; a name may be there several times."""

    schema = {'anyOf': [{'type': 'object', 'additionalProperties': {'type': 'string'}}, {'type': 'string'}]}

    def __init__(self, *fields: tuple[str, str]) -> None:
        super().__init__('\n'.join(f'{name}: {value}' for name, value in fields))
        #: Whether the connection closes, because they say so.
        self.closes = any(_lower(field) == _CLOSE for field in fields)
        self.fields = tuple(field for field in fields if _lower(field) != _CLOSE)

    @classmethod
    def parse(cls, value: Any) -> Headers:
        """Read ``{'Retry-After': '5'}``, or lines of ``Retry-After: 5``; raises ValueError."""
        if isinstance(value, Mapping):
            lines = [f'{name}: {text}' for name, text in value.items()]
        elif isinstance(value, str):
            lines = [line for line in value.split('\n') if line.strip()]
        else:
            raise ValueError('expected names and values')
        fields = []
        for line in lines:
            field = _FIELD.fullmatch(line.strip())
            if field is None:
                raise ValueError(f'expected Name: value instead of {shorten(line)}')
            name, content = field['name'], field['value'].strip(' \t')
            if name.lower() in _FRAMING and _lower((name, content)) != _CLOSE:
                but = ', unless it is close' if name.lower() == 'connection' else ''
                raise ValueError(f'{name} cannot be chosen{but}')
            fields.append((name, content))
        return cls(*fields)

    def over(self, usual: Mapping[str, str]) -> list[str]:
        """Return the lines of a header with these fields, and with the fields of *usual* that are not among them."""
        chosen = {name.lower() for name, _ in self.fields}
        lines = [f'{name}: {value}' for name, value in usual.items() if name.lower() not in chosen]
        return lines + [f'{name}: {value}' for name, value in self.fields]


def _lower(field: tuple[str, str]) -> tuple[str, str]:
    name, value = field
    return name.lower(), value.lower()
