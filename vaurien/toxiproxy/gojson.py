"""JSON as Go reads and writes it (https://pkg.go.dev/encoding/json): Toxiproxy's clients and files rely on that.

Reading takes the first value of a body, whatever follows it. Keys match in any case, null stands for what is absent,
and text that is not Unicode becomes U+FFFD. Writing is compact, and escapes what a browser might take for HTML.
"""

from __future__ import annotations

import json
import math
import re
import struct
from typing import Any, get_args, get_origin

import msgspec

from vaurien.errors import ConfigError, OptionError

#: A number with more digits is read as floating point: no integer of 64 bits has as many.
_DIGITS = 20
#: Go writes an exponent from here on.
_LARGE = 1e21

#: An escape in a JSON text. The group is half of a surrogate pair without the other half.
_ESCAPE = re.compile(r'\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u([dD][89a-fA-F][\da-fA-F]{2})|.)', re.DOTALL)
_HTML = str.maketrans({char: f'\\u{ord(char):04x}' for char in '<>&\u2028\u2029'})


def read(data: bytes, type_: Any) -> Any:
    """Return *data* as *type_*, a `msgspec.Struct` or a list of them; raise `ConfigError`."""
    text = _ESCAPE.sub(_mend, data.decode(errors='replace')).lstrip(' \t\r\n')
    if not text:
        raise ConfigError('EOF')
    try:
        value = _DECODER.raw_decode(text)[0]
    except RecursionError:
        raise ConfigError('nested too deeply') from None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return convert(value, type_)


def convert(value: Any, type_: Any) -> Any:
    """Return a *value* that was read from JSON as *type_*, as `read` does; raise `ConfigError`."""
    try:
        return msgspec.convert(_normalize(value, type_), type_)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from None


def write(value: Any) -> str:
    """Return *value* as a JSON text."""
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False, allow_nan=False).translate(_HTML)


def as_number(value: Any) -> Any:
    """Return *value*, as an integer if it is a number without a fraction."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _LARGE else value


def as_float32(value: float) -> float:
    """Return the shortest decimal for *value* rounded to 32 bits; raise `OptionError` if it is too large for them."""
    if not math.isfinite(value) or not math.isfinite(rounded := _round(value)):
        raise OptionError(f'{value:g} is too large')
    return next(short for digits in range(1, 10) if _round(short := float(f'{rounded:.{digits}g}')) == rounded)


def _round(value: float) -> float:
    try:
        return float(struct.unpack('<f', struct.pack('<f', value))[0])
    except OverflowError:
        return math.inf


def _normalize(value: Any, type_: Any) -> Any:
    if get_origin(type_) is list:
        items = [] if value is None else value
        return [_normalize(item, get_args(type_)[0]) for item in items] if isinstance(items, list) else items
    if value is None:
        return {}
    return (
        {key.lower(): inner for key, inner in value.items() if inner is not None} if isinstance(value, dict) else value
    )


def _mend(escape: re.Match[str]) -> str:
    return '\ufffd' if escape[1] else escape[0]


def _read_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)


def _refuse_constant(name: str) -> None:
    raise ValueError(f'{name} is not JSON')


_DECODER = json.JSONDecoder(parse_int=_read_int, parse_constant=_refuse_constant)
