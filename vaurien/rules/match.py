"""Which exchanges a rule is for: a pattern for the text of the request, and ordinal numbers among those that match."""

from __future__ import annotations

import re
import sys
from fnmatch import translate
from functools import cached_property
from typing import Any

from vaurien.plugins.options import Parsed

_ORDINALS = re.compile(r'(?:(?P<every>every\s+)?(?P<first>\d+)(?:\s*(?P<open>\+)|\s*-\s*(?P<last>\d+))?)')


class Pattern(Parsed):
    """A pattern for the text of a request.

    It is a shell-style pattern for the whole text, in upper or lower case (``GET /orders*``); or, between slashes, a
    regular expression for any part of the text (``/^(GET|HEAD) /``).
    """

    schema = {'type': 'string', 'minLength': 1}

    @classmethod
    def parse(cls, value: Any) -> Pattern:
        """Return *value* as a pattern; raise ValueError if it is none."""
        if not isinstance(value, str) or not value:
            raise ValueError('expected a pattern such as GET /orders*')
        pattern = cls(value)
        try:
            if pattern.is_regex:
                re.compile(value[1:-1])
        except re.error as error:
            raise ValueError(f'not a regular expression, {error}') from None
        return pattern

    @property
    def is_regex(self) -> bool:
        """Whether it is a regular expression."""
        return len(self.text) > 1 and self.text[0] == self.text[-1] == '/'

    @property
    def translated(self) -> str:
        """The regular expression, for texts in lower case, of a shell-style pattern."""
        return translate(self.text.lower())

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(self.text[1:-1] if self.is_regex else self.translated)

    def matches(self, request: str) -> bool:
        """Return whether the text of a request matches."""
        if self.is_regex:
            return self._regex.search(request) is not None
        return self._regex.match(request.lower()) is not None


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
