"""Options as data: one declaration gives the flag, the check, the default and the documentation.

A behavior or protocol declares ``options = {'sleep': ('Seconds to wait', float, 1.0)}``: a help text that gives the
unit, a type and a default. The type is anything `msgspec` can convert to, bounds included
(``Annotated[float, msgspec.Meta(ge=0)]``), or a `Parsed`. A subclass has the options of the classes that it extends,
too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from reprlib import repr as shorten
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

import msgspec

from vaurien.errors import OptionError

#: Help text with the unit, type, default.
Option = tuple[str, Any, Any]

#: One line of text that any protocol can carry in an error: with what stands before it, no more than 512 bytes.
Line = Annotated[str, msgspec.Meta(pattern='^[ -~]+$', max_length=400)]


class Parsed:
    """A value that is written as a text; equal to another one with the same text. Subclasses give `parse`."""

    #: What is given for it in JSON (https://json-schema.org/draft/2020-12).
    schema: ClassVar[Mapping[str, Any]] = {'type': 'string'}

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def parse(cls, value: Any) -> Parsed:
        """Read what was given for the option; raises ValueError."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.text!r})'

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(other) == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def did_you_mean(word: str, known: list[str]) -> str:
    """The tail of an error message: the nearest known word, or all of them."""
    near = get_close_matches(word, known, n=1)
    if near:
        return f'did you mean {near[0]!r}?'
    return f'known: {", ".join(sorted(known))}' if known else 'there are none'


def convert(value: Any, type_: Any, *, text: bool = False) -> Any:
    """*value* as *type_*; raises `OptionError`. With *text*, strings are what they spell (``'2'``, ``'yes'``)."""
    if text and type_ is bool and isinstance(value, str):
        value = {'yes': 'true', 'on': 'true', 'no': 'false', 'off': 'false'}.get(value.lower(), value)
    for one in (type_, *get_args(type_)):  # by itself, or where None is allowed, too
        if get_origin(one) is Literal and value not in (*get_args(one), *([] if one is type_ else [None])):
            raise OptionError(f'expected one of {", ".join(map(str, get_args(one)))}, got {shorten(value)}')
    try:
        converted = msgspec.convert(value, type_, strict=not text, dec_hook=_parse)
    except msgspec.ValidationError as error:
        expected = str(error).partition(', got ')[0].replace('`', '').replace(' | null', '')
        raise OptionError(f'{expected[0].lower()}{expected[1:]}, got {shorten(value)}') from None
    if isinstance(converted, float) and not math.isfinite(converted):
        raise OptionError(f'expected a finite number, got {shorten(value)}')
    return converted


def _parse(type_: type[Parsed], value: Any) -> Parsed:
    return value if isinstance(value, type_) else type_.parse(value)


class Configurable:
    """What has a name and declared options: the common base of behaviors and protocols."""

    name: ClassVar[str] = ''
    options: ClassVar[Mapping[str, Option]] = {}

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        """*options*: every option with its value, from `resolve`; None for the defaults."""
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
        """Those that none of the classes has that it extends."""
        first, *others = [base for base in cls.__mro__ if 'options' in vars(base)]
        if (first.__module__, first.__name__) != (cls.__module__, cls.__name__):  # nor is it the same by another name
            return {}
        inherited = {name for base in others for name in vars(base)['options']}
        return {name: option for name, option in cls.options.items() if name not in inherited}

    @classmethod
    def resolve(cls, given: Mapping[str, Any], *, text: bool = False) -> dict[str, Any]:
        """Every option with its value, *given* or default; raises `OptionError` with the option as the path."""
        values = {name: default for name, (_, _, default) in cls.all_options().items()}
        values.update(cls.check(given, text=text))
        return values

    @classmethod
    def check(cls, given: Mapping[str, Any], *, text: bool = False) -> dict[str, Any]:
        """*given* alone, converted, under the declared names; ``_`` and ``-`` are the same in a name."""
        declared = cls.all_options()
        known = {name.replace('_', '-'): name for name in declared}
        values = {}
        for key, value in given.items():
            name = known.get(key.replace('_', '-'))
            if name is None:
                raise OptionError(f'{cls.name} has no such option, {did_you_mean(key, list(declared))}', key)
            try:
                values[name] = convert(value, declared[name][1], text=text)
            except OptionError as error:
                raise error.within(key) from None
        return values

    def option(self, name: str) -> Any:
        """The value of one declared option."""
        return self.values[name]
