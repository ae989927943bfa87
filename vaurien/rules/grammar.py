"""The grammar of the text that arms rules: ``20:error(match='SET *', nth=1-2),10:delay``.

Whether the behaviors and options exist is not checked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from vaurien.errors import ConfigError

_NAMED = re.compile(r'\s*(?:(?P<share>[^:,()]*):)?(?P<name>[^:,()]*)')
_CALLED = re.compile(r'\s*(?P<name>[\w-]+)\s*')
_OPTION = re.compile(r'\s*(?P<key>[\w-]+)\s*=\s*')
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_BARE = re.compile(r"""[^,()'"]*""")
_ESCAPE = re.compile(r'\\(.)', re.DOTALL)
_SPACE = re.compile(r'\s*')


class Term(NamedTuple):
    """One term of the text: the percent, the name of a behavior, and the options in parentheses."""

    name: str
    percent: float
    options: Mapping[str, Any]


def parse_spec(spec: str) -> list[Term]:
    """Return the terms of ``percent:name(option=value, …),…``, as `iterate_spec` yields them; raise `ConfigError`."""
    return list(iterate_spec(spec))


def iterate_spec(spec: str) -> Iterator[Term]:
    """Yield the terms of ``percent:name(option=value, …),…``; raise `ConfigError`. A name alone has 100 percent.

    A value is a bare word, or a text in quotes. In quotes a backslash takes away the meaning of the next character,
    and ``\\n`` is a line end.
    """
    at = 0
    while True:
        named = _NAMED.match(spec, at)
        assert named is not None, 'it matches an empty text, too'
        name, at = named['name'].strip(), named.end()
        if not name:
            wrong = spec[named.start() : at].strip()
            raise ConfigError(f'{wrong!r} names no behavior: expected percent:name, such as 20:error')
        options, at = _parse_options(spec, at) if spec[at : at + 1] == '(' else ({}, at)
        yield Term(name, _parse_percent(named), options)
        if at == len(spec):
            return
        if spec[at] != ',':
            raise ConfigError(f'unexpected {spec[at:]!r} after {spec[:at]!r}')
        at += 1


def parse_call(text: str, at: int = 0) -> tuple[str, dict[str, str], int]:
    """Read ``name(option=value, …)`` at *at*; return the name, the options and the position after them.

    Raise `ConfigError`.
    """
    named = _CALLED.match(text, at)
    if named is None:
        raise ConfigError(f'{text[at:].strip()!r} has no name: expected name(option=value)')
    options, at = _parse_options(text, named.end()) if text[named.end() :][:1] == '(' else ({}, named.end())
    return named['name'], options, skip_space(text, at)


def format_spec(terms: Iterable[Term]) -> str:
    """Return the text that `parse_spec` reads as *terms*."""
    terms = list(terms)
    return ','.join(format_term(term, alone=len(terms) == 1) for term in terms)


def format_term(term: Term, *, alone: bool) -> str:
    """Return the text that `parse_spec` reads as *term*. A term that is *alone* with 100 percent has no percent."""
    share = '' if alone and term.percent == 100 else f'{shortest(term.percent)}:'
    return share + format_call(term.name, term.options)


def format_call(name: str, options: Mapping[str, Any]) -> str:
    """Return the text that `parse_call` reads."""
    given = ', '.join(f'{key}={_format(value)}' for key, value in options.items())
    return f'{name}({given})' if given else name


def shortest(percent: float) -> str:
    """Return a percent as a text, without the digits that floating point adds."""
    return repr(round(percent, 9)).removesuffix('.0')


def _parse_percent(named: re.Match[str]) -> float:
    share = named['share']
    if share is None:
        return 100.0
    try:
        percent = float(share)
    except ValueError:
        wrong = f'{share.strip()!r} in {named[0].strip()!r}'
        raise ConfigError(f'{wrong} is not a percent: expected percent:name, such as 20:error') from None
    return check_percent(percent, named[0].strip())


def check_percent(percent: float, where: str) -> float:
    """Return *percent* if it is from 0 to 100; raise `ConfigError` if not."""
    if not 0 <= percent <= 100:  # nan is not either
        raise ConfigError(f'{shortest(percent)} in {where!r} is not a percent: expected 0 to 100')
    return percent


def _parse_options(spec: str, at: int) -> tuple[dict[str, str], int]:
    """Return the options in the parentheses that open at *at*, and the position after them."""
    options: dict[str, str] = {}
    opened = at
    while True:
        option = _OPTION.match(spec, at + 1)
        if option is None:
            raise ConfigError(f'expected option=value in {spec[opened:]!r}')
        if option['key'] in options:
            raise ConfigError(f'{option["key"]!r} is given twice in {spec[opened:]!r}')
        quoted = _QUOTED.match(spec, option.end())
        value = quoted or _BARE.match(spec, option.end())
        assert value is not None, 'it matches an empty word, too'
        options[option['key']] = _ESCAPE.sub(_unescape, value[0][1:-1]) if quoted else value[0].strip()
        at = skip_space(spec, value.end())
        if spec[at : at + 1] == ')':
            return options, skip_space(spec, at + 1)
        if spec[at : at + 1] != ',':
            raise ConfigError(f'no closing parenthesis or quote in {spec[opened:]!r}')


def skip_space(text: str, at: int) -> int:
    """Return the position of the next character that is not white space."""
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _unescape(match: re.Match[str]) -> str:
    return '\n' if match[1] == 'n' else match[1]


def _format(value: Any) -> str:
    if isinstance(value, bool | int | float | None):
        return msgspec.json.encode(value).decode()
    text = str(value).replace('\\', '\\\\').replace("'", "\\'").replace('\n', '\\n')
    return f"'{text}'"
