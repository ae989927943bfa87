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


class Headers(Parsed):
    """Names and values, in order; a name may be there several times."""

    schema = {'anyOf': [{'type': 'object', 'additionalProperties': {'type': 'string'}}, {'type': 'string'}]}

    def __init__(self, *fields: tuple[str, str]) -> None:
        super().__init__('\n'.join(f'{name}: {value}' for name, value in fields))
        self.fields = fields

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
            if field['name'].lower() in _FRAMING:
                raise ValueError(f'{field["name"]} cannot be chosen')
            fields.append((field['name'], field['value'].strip(' \t')))
        return cls(*fields)

    def over(self, usual: Mapping[str, str]) -> list[str]:
        """Return the lines of a header with these fields, and with the fields of *usual* that are not among them."""
        chosen = {name.lower() for name, _ in self.fields}
        lines = [f'{name}: {value}' for name, value in usual.items() if name.lower() not in chosen]
        return lines + [f'{name}: {value}' for name, value in self.fields]
