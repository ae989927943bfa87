"""The text that arms behaviors, as a grammar alone: ``20:error(match='SET *', nth=1-2),10:delay``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
    """One term of the text: a percent, a name, and the options in parentheses, which nobody has checked."""

    name: str
    percent: float
    options: Mapping[str, Any]


def parse_spec(spec: str) -> list[Term]:
    """Read ``percent:name(option=value, …),…``; a name alone has 100 percent. Raises `ConfigError`.

    A value is a bare word, or stands in quotes, in which a backslash takes the next character as it is, and ``\\n`` is
    a line end.
    """
    terms = []
    at = 0
    while True:
        named = _NAMED.match(spec, at)
        assert named is not None, 'it matches nothing, too'
        name, at = named['name'].strip(), named.end()
        if not name:
            wrong = spec[named.start() : at].strip()
            raise ConfigError(f'{wrong!r} names no behavior: expected percent:name, such as 20:error')
        options, at = _parse_options(spec, at) if spec[at : at + 1] == '(' else ({}, at)
        terms.append(Term(name, _parse_percent(named), options))
        if at == len(spec):
            return terms
        if spec[at] != ',':
            raise ConfigError(f'unexpected {spec[at:]!r} after {spec[:at]!r}')
        at += 1


def parse_call(text: str, at: int = 0) -> tuple[str, dict[str, str], int]:
    """Read ``name(option=value, …)`` at *at*: name, options, and where what comes after them begins.

    Raises `ConfigError`.
    """
    named = _CALLED.match(text, at)
    if named is None:
        raise ConfigError(f'{text[at:].strip()!r} names nothing: expected name(option=value)')
    options, at = _parse_options(text, named.end()) if text[named.end() :][:1] == '(' else ({}, named.end())
    return named['name'], options, skip_space(text, at)


def format_spec(terms: Iterable[Term]) -> str:
    """The text that `parse_spec` reads as *terms*; a single one with all 100 percent as its name."""
    terms = list(terms)
    alone = len(terms) == 1 and terms[0].percent == 100
    return ','.join(
        ('' if alone else f'{shortest(term.percent)}:') + format_call(term.name, term.options) for term in terms
    )


def format_call(name: str, options: Mapping[str, Any]) -> str:
    """The text that `parse_call` reads back."""
    given = ', '.join(f'{key}={_format(value)}' for key, value in options.items())
    return f'{name}({given})' if given else name


def shortest(percent: float) -> str:
    """A percent without the digits that floating point adds."""
    return repr(round(percent, 9)).removesuffix('.0')


def _parse_percent(named: re.Match[str]) -> float:
    share = named['share']
    if share is None:
        return 100.0
    try:
        percent = float(share)
    except ValueError:
        wrong = f'{share.strip()!r} in {named[0].strip()!r}'
        raise ConfigError(f'{wrong} is no percent: expected percent:name, such as 20:error') from None
    return check_percent(percent, named[0].strip())


def check_percent(percent: float, where: str) -> float:
    """*percent*, if it is one; raises `ConfigError`."""
    if not 0 <= percent <= 100:  # nor is nan
        raise ConfigError(f'{shortest(percent)} in {where!r} is no percent: expected 0 to 100')
    return percent


def _parse_options(spec: str, at: int) -> tuple[dict[str, str], int]:
    """The options in the parentheses that open at *at*, and where what follows begins."""
    options: dict[str, str] = {}
    opened = at
    while True:
        option = _OPTION.match(spec, at + 1)
        if option is None:
            raise ConfigError(f'expected option=value in {spec[opened:]!r}')
        if option['key'] in options:
            raise ConfigError(f'{option["key"]!r} is there twice in {spec[opened:]!r}')
        quoted = _QUOTED.match(spec, option.end())
        value = quoted or _BARE.match(spec, option.end())
        assert value is not None, 'a bare word may be empty'
        options[option['key']] = _ESCAPE.sub(_unescape, value[0][1:-1]) if quoted else value[0].strip()
        at = skip_space(spec, value.end())
        if spec[at : at + 1] == ')':
            return options, skip_space(spec, at + 1)
        if spec[at : at + 1] != ',':
            raise ConfigError(f'no closing parenthesis or quote in {spec[opened:]!r}')


def skip_space(text: str, at: int) -> int:
    """Where the next character that is no white space stands."""
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _unescape(match: re.Match[str]) -> str:
    return '\n' if match[1] == 'n' else match[1]


def _format(value: Any) -> str:
    if isinstance(value, bool | int | float | None):
        return msgspec.json.encode(value).decode()
    text = str(value).replace('\\', '\\\\').replace("'", "\\'").replace('\n', '\\n')
    return f"'{text}'"
