"""Which exchanges a rule is for: a pattern for the text of the request, and ordinal numbers among those that match."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from fnmatch import translate
from functools import cached_property
from typing import Any

from vaurien.plugins.options import Parsed
from vaurien.rules.regex import compile_regex

#: The most characters of a pattern. The texts of requests have up to 200.
MAX_PATTERN = 1000

_ORDINALS = re.compile(r'(?:(?P<every>every\s+)?(?P<first>\d+)(?:\s*(?P<open>\+)|\s*-\s*(?P<last>\d+))?)')


def fold(text: str) -> str:
    """Return *text* in lower case, each letter whatever stands beside it: the sigma that ends a word is any sigma."""
    return text.lower().replace('ς', 'σ')


class Pattern(Parsed):
    """A pattern for the text of a request.

    It is a shell-style pattern for the whole text, in upper or lower case (``GET /orders*``); or, between slashes, a
    regular expression for any part of the text (``/^(GET|HEAD) /``), in the syntax of RE2.
    """

    schema = {'type': 'string', 'minLength': 1, 'maxLength': MAX_PATTERN}

    @classmethod
    def parse(cls, value: Any) -> Pattern:
        """Return *value* as a pattern; raise ValueError if it is none."""
        if not isinstance(value, str) or not value:
            raise ValueError('expected a pattern such as GET /orders*')
        if len(value) > MAX_PATTERN:
            raise ValueError(f'expected a pattern of up to {MAX_PATTERN} characters')
        pattern = cls(value)
        if pattern.is_regex:
            pattern._fits = compile_regex(value[1:-1])
        return pattern

    def __reduce__(self) -> tuple[Callable[[str], Pattern], tuple[str]]:
        return self.parse, (self.text,)  # what has compiled it cannot be pickled

    @property
    def is_regex(self) -> bool:
        """Whether it is a regular expression."""
        return len(self.text) > 1 and self.text[0] == self.text[-1] == '/'

    @property
    def translated(self) -> str:
        """The regular expression, for texts in lower case, of a shell-style pattern."""
        return translate(fold(self.text))

    @cached_property
    def _fits(self) -> Callable[[str], object]:
        # In linear time, too: fnmatch writes each star as a group that is never tried again.
        return re.compile(self.translated).match

    def matches(self, request: str) -> bool:
        """Return whether the text of a request matches."""
        return bool(self._fits(request if self.is_regex else fold(request)))


class Ordinals(Parsed):
    """Ordinal numbers, from 1: ``3``, ``1-2``, ``5+``, ``every 10``."""

    schema = {
        'anyOf': [
            {'type': 'integer', 'minimum': 1},
            {'type': 'string', 'pattern': r'^(every +[1-9][0-9]*|[1-9][0-9]*(\+|-[1-9][0-9]*)?)$'},
        ]
    }

    def __init__(self, text: str, numbers: range) -> None:
        super().__init__(text)
        self._numbers = numbers

    @classmethod
    def parse(cls, value: Any) -> Ordinals:
        """Return *value*, a text or a number, as ordinals; raise ValueError."""
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ''
        match = _ORDINALS.fullmatch(text.strip())
        if match is None or int(match['first']) < 1 or (match['every'] and (match['open'] or match['last'])):
            raise ValueError('expected 3, 1-2, 5+ or every 10')
        first = int(match['first'])
        if match['every']:
            return cls(text, range(first, sys.maxsize, first))
        last = sys.maxsize if match['open'] else int(match['last'] or first)
        if last < first:
            raise ValueError('expected 3, 1-2, 5+ or every 10, counting upwards')
        return cls(text, range(first, last + 1 if last < sys.maxsize else last))

    def __contains__(self, number: int) -> bool:
        return number in self._numbers
