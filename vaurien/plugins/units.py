"""Durations, sizes and rates as people write them: ``200ms``, ``1m30s``, ``64KiB``, ``1MB/s``.

A declared type has the unit that a bare number is in: ``Seconds = Annotated[float, Meta(ge=0), SECONDS]``. From a text
with a unit, `vaurien.plugins.options.convert` makes a number in that one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, get_args

from msgspec import Meta, Struct

_NUMBER = r'([0-9]{1,15}(?:\.[0-9]{1,9})?)'
#: In a schema, numbers are so short that no sum of four durations is above what 64 bits hold.
_DIGITS = '[0-9]{1,8}'

_DURATIONS = {
    'ns': 1,
    'us': 10**3,
    'µs': 10**3,
    'ms': 10**6,
    's': 10**9,
    'm': 60 * 10**9,
    'min': 60 * 10**9,
    'h': 3600 * 10**9,
}
#: A limit as msgspec tells it, and its operators as people do.
_LIMIT = re.compile(r'expected (?:int|float) (<=|>=|<|>) (-?[0-9.e+]+)')
_LIMITS = {'<=': 'at most', '>=': 'at least', '<': 'less than', '>': 'more than'}
# A bit is not a byte: what may be meant as one, such as Mb, is no unit.
_SIZES = {
    'B': 1,
    'byte': 1,
    'bytes': 1,
    'KB': 1000,
    'kB': 1000,
    'MB': 1000**2,
    'GB': 1000**3,
    'KiB': 1024,
    'MiB': 1024**2,
    'GiB': 1024**3,
}


class Quantity(Struct, frozen=True):
    """A kind of quantity: what it is called, examples, and its units in terms of the smallest one."""

    name: str
    examples: str
    units: Mapping[str, int]
    #: How often a number with a unit may be repeated, all of which add up, as a quantifier of `re`. Empty: never.
    repeat: str = ''

    def read(self, text: str) -> Fraction | None:
        """Return the sum of what is in *text*, in the smallest unit; None if it is no such quantity."""
        part = rf'{_NUMBER} *({"|".join(sorted(self.units, key=len, reverse=True))})'
        if not re.fullmatch(rf' *(?:{part} *){self.repeat}', text):
            return None
        return sum((Fraction(number) * self.units[unit] for number, unit in re.findall(part, text)), Fraction())

    def __hash__(self) -> int:
        return hash(self.name)


DURATION = Quantity('duration', '200ms or 2s', _DURATIONS, '{1,8}')
SIZE = Quantity('size', '4096B or 64KB', _SIZES)
RATE = Quantity('rate', '50KB/s or 1MB/s', {f'{unit}/s': size for unit, size in _SIZES.items()})


class Unit(Struct, frozen=True):
    """The unit of a declared type, in which bare numbers are."""

    quantity: Quantity
    #: As people write it, and as a message names it.
    unit: str
    name: str

    @property
    def expected(self) -> str:
        """What an error says of a text that is not read."""
        return f'expected a {self.quantity.name} such as {self.quantity.examples}'

    def read(self, text: str) -> int | float | None:
        """Return the quantity in *text* in this unit, whole if it is; None if the text is no such quantity."""
        amount = self.quantity.read(text)
        if amount is None:
            return None
        number = amount / self.quantity.units[self.unit]
        return int(number) if number.denominator == 1 else float(number)

    def write(self, number: Fraction) -> str:
        """Return *number* of this unit as people write it, in the largest unit of which it is a whole number."""
        amount = number * self.quantity.units[self.unit]
        fitting = {unit: size for unit, size in self.quantity.units.items() if amount % size == 0}
        unit = max(fitting, key=fitting.__getitem__, default='')
        return f'{amount // fitting[unit]}{unit}' if unit else f'{float(number):g}{self.unit}'

    def describe_limit(self, text: str) -> str:
        """Return a text such as ``expected int <= 3600`` with its limit as people write it; as it is for a limit of 0.

        Any other text is returned as it is, too.
        """
        match = _LIMIT.fullmatch(text)
        limit = Fraction(match[2]) if match else Fraction()
        return f'expected {_LIMITS[match[1]]} {self.write(limit)}' if match and limit else text

    def schema(self, *, whole: bool) -> dict[str, Any]:
        """Return the JSON Schema of texts that are read; if *whole*, of those that make whole numbers.

        A pattern cannot tell all of them: that 1500us are no whole milliseconds, and 2000us are. It has none of these.
        """
        base = self.quantity.units[self.unit]
        parts = [
            f'{_DIGITS}{_describe_decimals(size // base if whole else 10**9)} *{unit}'
            for unit, size in self.quantity.units.items()
            if not (whole and size % base)
        ]
        repeat = '{1,4}' if self.quantity.repeat else ''
        return {'type': 'string', 'pattern': f'^(({"|".join(parts)}) *){repeat}$'}


def _describe_decimals(ratio: int) -> str:
    """Return a pattern of decimals that make a whole number of *ratio* times the number."""
    most = len(str(ratio)) - len(str(ratio).rstrip('0'))
    return rf'(\.[0-9]{{1,{most}}})?' if most else ''


def find_unit(type_: Any) -> Unit | None:
    """Return the unit of a declared type, also of one that may be None; None if it has no unit."""
    if isinstance(type_, Unit):
        return type_
    return next(filter(None, map(find_unit, get_args(type_))), None)


NANOSECONDS = Unit(DURATION, 'ns', 'nanoseconds')
MICROSECONDS = Unit(DURATION, 'us', 'microseconds')
MILLISECONDS = Unit(DURATION, 'ms', 'milliseconds')
SECONDS = Unit(DURATION, 's', 'seconds')
BYTES = Unit(SIZE, 'B', 'bytes')
MEBIBYTES = Unit(SIZE, 'MiB', 'MiB')
KILOBYTES_PER_SECOND = Unit(RATE, 'KB/s', '1000 bytes per second')

Seconds = Annotated[float, Meta(ge=0), SECONDS]
PositiveSeconds = Annotated[float, Meta(gt=0), SECONDS]
WholeSeconds = Annotated[int, Meta(ge=0), SECONDS]
