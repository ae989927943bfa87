"""JSON as Go reads and writes it (https://pkg.go.dev/encoding/json): Toxiproxy's clients and files rely on that.

Reading takes the first value of a body, whatever follows it. Keys match in any case, null stands for what is absent,
and text that is not Unicode becomes U+FFFD. What is wrong with a text is told in words of Python's, unless it breaks
off. Writing is compact, and escapes what a browser might take for HTML.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, get_args, get_origin

import msgspec

from vaurien.errors import ConfigError, OptionError

#: A number with more digits is read as floating point: no integer of 64 bits has as many.
_DIGITS = 20
#: The most characters of one thing in a list: more would take too long at once.
MAX_ITEM = 64 * 1024
#: Go writes an exponent from here on, and below that; Python does below the last.
_LARGE, _SMALL, _LEAST = 1e21, 1e-6, 1e-4

#: An escape in a JSON text. The group is half of a surrogate pair without the other half.
_ESCAPE = re.compile(r'\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u([dD][89a-fA-F][\da-fA-F]{2})|.)', re.DOTALL)
#: What a value may be that is not known from its first character alone.
_VALUES = ('true', 'false', 'null', '-')
_SPACE = re.compile(r'[ \t\r\n]*')
_HTML = str.maketrans({char: f'\\u{ord(char):04x}' for char in '<>&\u2028\u2029'})


class Written(str):
    """A JSON text, to be put into another one as it is."""

    __slots__ = ()

    @classmethod
    def list(cls, values: Iterable[Any]) -> Written:
        """Return the JSON text of a list, written one by one."""
        return cls(f'[{",".join(map(write, values))}]')


def read(data: bytes, type_: Any) -> Any:
    """Return *data* as *type_*, a `msgspec.Struct` or a list of them; raise `ConfigError`."""
    return convert(_decode(_begin(data))[0], type_)


def read_list(data: bytes, type_: Any, pause: Callable[[], None]) -> list[Any]:
    """Return *data* as a list of *type_*, a `msgspec.Struct`; raise `ConfigError`. Call *pause* after each of them.

    Each may have up to `MAX_ITEM` characters.
    """
    text = _begin(data)
    if text[0] != '[':
        return convert(_decode(text, 0, MAX_ITEM)[0], list[type_])  # type: ignore[no-any-return]
    items: list[Any] = []
    at = _skip_space(text, 1)
    if text[at : at + 1] == ']':
        return items
    while True:
        value, at = _decode(text, at, MAX_ITEM)
        items.append(convert(value, type_, f'[{len(items)}]'))
        at = _skip_space(text, at)
        if text[at : at + 1] == ']':
            return items
        if text[at : at + 1] != ',':
            raise ConfigError(_explain("Expecting ',' delimiter", text, at))
        at = _skip_space(text, at + 1)
        pause()


def convert(value: Any, type_: Any, where: str = '') -> Any:
    """Return a *value* that was read from JSON as *type_*, as `read` does; raise `ConfigError`.

    *where* is its place in what was read.
    """
    try:
        return msgspec.convert(_normalize(value, type_), type_)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(' - at `$')
        raise ConfigError(f'{text} - at `${where}{path or "`"}' if where or path else text) from None


def write(value: Any) -> str:
    """Return *value* as a JSON text."""
    if isinstance(value, Written):
        return value
    if isinstance(value, dict):
        return write_object(value.items())
    if isinstance(value, list):
        return Written.list(value)
    if isinstance(value, float) and 0 < abs(value) < _LEAST:
        return f'{Decimal(repr(value)):f}' if abs(value) >= _SMALL else repr(value).replace('e-0', 'e-')
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False, allow_nan=False).translate(_HTML)


def write_object(fields: Iterable[tuple[str, Any]]) -> Written:
    """Return an object as a JSON text. Some of its values may be `Written` already."""
    return Written('{' + ','.join([f'{write(name)}:{write(value)}' for name, value in fields]) + '}')


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


def _begin(data: bytes) -> str:
    """Return the text of *data* from the first value on; raise `ConfigError` if there is none."""
    text = data.decode(errors='replace')
    if not (begun := text[_skip_space(text, 0) :]):
        raise ConfigError('EOF')
    return begun


def _skip_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    assert space is not None, 'it matches an empty text, too'
    return space.end()


def _decode(text: str, at: int = 0, most: int | None = None) -> tuple[Any, int]:
    """Return the value at *at*, of *most* characters at most, and the position behind it; raise `ConfigError`."""
    part = text[at:] if most is None else text[at : at + most]
    try:
        value, size = _DECODER.raw_decode(part)
        if '\\' in part[:size]:
            value = _DECODER.decode(_ESCAPE.sub(_mend, part[:size]))
    except RecursionError:
        raise ConfigError('nested too deeply') from None
    except json.JSONDecodeError as error:
        if at + len(part) == len(text):
            raise ConfigError(_explain(error.msg, text, at + error.pos)) from None
        place = json.JSONDecodeError(error.msg, text, at + error.pos)
        raise ConfigError(f'{place}, or a value of more than {most} characters') from None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return value, at + size


def _explain(message: str, text: str, at: int) -> str:
    """Return what Python says of a mistake at a place of a JSON text; what Go says if the text breaks off there."""
    rest = text[at:].rstrip()
    breaks_off = not rest or message.startswith('Unterminated string')
    if breaks_off or (message == 'Expecting value' and any(one.startswith(rest) for one in _VALUES)):
        return 'unexpected EOF'
    return str(json.JSONDecodeError(message, text, at))


def _mend(escape: re.Match[str]) -> str:
    return '\ufffd' if escape[1] else escape[0]


def _read_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)


def _refuse_constant(name: str) -> None:
    raise ValueError(f'{name} is not JSON')


_DECODER = json.JSONDecoder(parse_int=_read_int, parse_constant=_refuse_constant)
