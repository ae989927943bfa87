"""Options as data: one declaration gives the flag, the check, the default and the documentation.

A behavior or protocol declares ``options = {'sleep': ('Seconds to wait', float, 1.0)}``: a help text that gives the
unit, a type and a default. The type is anything that `msgspec` converts to, bounds included
(``Annotated[float, msgspec.Meta(ge=0)]``), or a `Parsed`. One of `vaurien.plugins.units` is also read from a text with
a unit. A subclass has the options of the classes that it extends, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from reprlib import Repr
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

import msgspec

from vaurien.errors import OptionError
from vaurien.plugins.units import find_unit

#: A help text that gives the unit, a type, a default.
Option = tuple[str, Any, Any]

#: One line of text that any protocol can carry in an error: with what stands before it, no more than 512 bytes.
Line = Annotated[str, msgspec.Meta(pattern='^[ -~]+$', max_length=400)]

#: A number of things, or none.
Natural = Annotated[int, msgspec.Meta(ge=0)]


class _Repr(Repr):
    """Writes numbers of any length."""

    def repr_int(self, x: int, level: int) -> str:
        try:
            str(x)
        except ValueError:  # it has more digits than Python writes
            return 'a very long number'
        return super().repr_int(x, level)


_repr = _Repr()


class Parsed:
    """A value that is written as a text, and equal to another one with the same text. Subclasses override `parse`."""

    #: Of what may be given for it in JSON (https://json-schema.org/draft/2020-12).
    schema: ClassVar[Mapping[str, Any]] = {'type': 'string'}
    #: What a message says may be given, where the type also takes plain values.
    expected: ClassVar[str] = ''

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def is_meant(cls, value: Any) -> bool:
        """Return whether *value* is to be parsed, where the type also takes plain values."""
        return True

    @classmethod
    def parse(cls, value: Any) -> Parsed:
        """Return *value*, as it was given for the option, in parts. Raise ValueError if it cannot be read."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.text!r})'

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(other) == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def shorten(value: Any) -> str:
    """Return *value* as a message shows it: the beginning and the end, if it is long."""
    return _repr.repr(value)


def find_nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that *word* was probably meant to be; empty: none is near."""
    return next(iter(get_close_matches(word, known, n=1)), '')


def did_you_mean(word: str, known: list[str]) -> str:
    """Return the end of an error message: the known word that is nearest to *word*, or all of them."""
    near = find_nearest(word, known)
    if near:
        return f'did you mean {near!r}?'
    return f'known: {", ".join(sorted(known))}' if known else 'there are none'


def convert(value: Any, type_: Any, *, text: bool = False) -> Any:
    """Return *value* as *type_*. With *text*, a string may be read as something else: ``'2'``, ``'yes'``.

    A string such as ``'200ms'`` is always read for a type that has a unit. A type that is declared with a `Parsed`, as
    ``Annotated[float, MyParsed]``, also takes what that one parses, and then is one.

    Raise `OptionError` if it is not of that type.
    """
    if text and type_ in (bool, bool | None) and isinstance(value, str):
        value = {'yes': 'true', 'on': 'true', 'no': 'false', 'off': 'false'}.get(value.lower(), value)
    # msgspec does not say what a Literal may be, be it on its own or beside None.
    for one in (type_, *get_args(type_)):
        if get_origin(one) is Literal and value not in (*get_args(one), *([] if one is type_ else [None])):
            raise OptionError(f'expected one of {", ".join(map(str, get_args(one)))}, got {shorten(value)}')
    parsed = find_parsed(type_)
    if parsed is not None and parsed.is_meant(value):
        try:
            return parsed.parse(value)
        except ValueError as error:
            raise OptionError(str(error)) from None
    unit = find_unit(type_) if isinstance(value, str) else None
    quantity = None if unit is None else unit.read(value)
    try:
        converted = msgspec.convert(value if quantity is None else quantity, type_, strict=not text, dec_hook=_parse)
    except msgspec.ValidationError as error:
        expected, _, got = str(error).partition(', got ')
        if unit is not None and got:
            expected = unit.expected if quantity is None else f'expected a whole number of {unit.name}'
        expected = expected.replace('`', '').replace(' | null', '')
        expected = f'{expected[0].lower()}{expected[1:]}'
        if unit is not None and quantity is not None:  # a text with a unit, so the limit has one, too
            expected = unit.describe_limit(expected)
        if parsed is not None and parsed.expected:
            expected = f'{expected} or {parsed.expected}'
        raise OptionError(f'{expected}, got {shorten(value)}') from None
    if isinstance(converted, float) and not math.isfinite(converted):
        raise OptionError(f'expected a finite number, got {shorten(value)}')
    return converted


def find_parsed(type_: Any) -> type[Parsed] | None:
    """Return the `Parsed` that a type is declared with, beside what it takes itself."""
    declared = [extra for one in (type_, *get_args(type_)) for extra in getattr(one, '__metadata__', ())]
    return next((one for one in declared if isinstance(one, type) and issubclass(one, Parsed)), None)


def _parse(type_: type[Parsed], value: Any) -> Parsed:
    return value if isinstance(value, type_) else type_.parse(value)


def write_out(values: Mapping[str, Any], option: str, other: str, value: Any) -> dict[str, Any]:
    """Return *values* where *option* is another way to write the *other* one, with its *value*.

    Raise `OptionError` if that has another value already.
    """
    if values[other] not in (None, value):
        told = f'it is the same as {other}={value}, which contradicts {other}={values[other]}'
        raise OptionError(told, option)
    return {**values, other: value}


class Configurable:
    """Something with a name and declared options: the base class of behaviors, protocols and toxics."""

    name: ClassVar[str] = ''
    options: ClassVar[Mapping[str, Option]] = {}

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        """Take every option with its value from *options*, as `resolve` returns them; None: the defaults."""
        self.values = self.resolve({}) if options is None else options

    @classmethod
    def all_options(cls, attribute: str = 'options') -> dict[str, Option]:
        """Return what is declared under *attribute*: by the class itself first, then by those that it extends."""
        declared: dict[str, Option] = {}
        for base in cls.__mro__:
            declared |= {name: option for name, option in vars(base).get(attribute, {}).items() if name not in declared}
        return declared

    @classmethod
    def own_options(cls) -> dict[str, Option]:
        """Return the options that none of the classes has that it extends."""
        first, *others = [base for base in cls.__mro__ if 'options' in vars(base)]
        # A registry makes a subclass of the same name to give a plug-in another one: it has what the plug-in has.
        if (first.__module__, first.__name__) != (cls.__module__, cls.__name__):
            return {}
        inherited = {name for base in others for name in vars(base)['options']}
        return {name: option for name, option in cls.options.items() if name not in inherited}

    @classmethod
    def resolve(cls, given: Mapping[str, Any], *, text: bool = False) -> dict[str, Any]:
        """Return every option with its value, *given* or default. Raise `OptionError`, with the option as the path."""
        values = {name: default for name, (_, _, default) in cls.all_options().items()}
        values.update(cls.check(given, text=text))
        return values

    @classmethod
    def check(cls, given: Mapping[str, Any], *, text: bool = False) -> dict[str, Any]:
        """Return *given* alone, converted, by the declared names; in a name, ``_`` and ``-`` are the same.

        One at the end does not matter: Python has no other way to write ``for`` than ``for_``. Raise `OptionError`,
        with the option as the path, for an unknown option or a wrong value.
        """
        declared = cls.all_options()
        known = {_normalize(name): name for name in declared}
        values = {}
        for key, value in given.items():
            name = known.get(_normalize(key))
            if name is None:
                raise OptionError(f'{cls.name} has no such option, {did_you_mean(key, list(declared))}', key)
            try:
                values[name] = convert(value, declared[name][1], text=text)
            except OptionError as error:
                raise error.within(key) from None
        return values

    def option(self, name: str) -> Any:
        """Return the value of a declared option."""
        return self.values[name]


def _normalize(name: str) -> str:
    return name.replace('_', '-').rstrip('-')
