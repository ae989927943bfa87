"""Requests without what differs from run to run: numbers, dates, UUIDs and other identifiers, for which ``*`` stands.

What is left names a request in each run, and is a pattern that rules match: ``GET /orders/*``, ``SET user:*``.
"""

from __future__ import annotations

import re
from functools import lru_cache

from vaurien.framing.head import TEXT_MAX
from vaurien.rules.match import Pattern

#: What stands between hours, minutes and seconds, in a URL, too.
_COLON = '(?::|%3[Aa])'
_ZONE = rf'(?:Z|(?:[+-]|%2[Bb])\d\d{_COLON}?\d\d)'
_DATE = rf'\d{{4}}-\d\d-\d\d(?:[T_ ]\d\d{_COLON}\d\d(?:{_COLON}\d\d(?:\.\d+)?)?{_ZONE}?)?'
_UUID = r'[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'
#: Eight letters without a digit may well be a word.
_HEX = r'(?=[A-Fa-f]*\d)[0-9A-Fa-f]{8,}'
#: Random letters and digits have both cases, or are a ULID (Crockford's base 32).
_RANDOM = r'(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{16,}|[0-7][0-9A-HJKMNP-TV-Z]{25}'
_NUMBER = r'\d+(?:\.\d+)?'
#: Bytes of a text that is not ASCII, as the texts of requests and as URLs have them.
_ESCAPED = r'(?:\\x[0-9a-f]{2})+|(?:%[0-9A-Fa-f]{2})+'
#: Where a word begins, or what is escaped ends.
_BEGIN = r'(?:(?<![^\W_])|(?<=\\x[0-9a-f]{2})|(?<=%[0-9A-Fa-f]{2}))'
#: A number is masked in the middle of a word, too: ``order17``.
_DIFFERING = re.compile(rf'(?P<escaped>{_ESCAPED})|{_BEGIN}(?:{_DATE}|{_UUID}|{_HEX}|{_RANDOM})(?![^\W_])|{_NUMBER}')
_ESCAPE = re.compile(r'\\x|%')
_STARS = re.compile(r'\*{2,}')
_AT_AN_END = re.compile(r'\A\s+|\s+\Z')
_LAST_WORD = re.compile(r'\S*\Z')


@lru_cache(4096)
def mask(text: str) -> str:
    """Return the text of a request with ``*`` in the place of what differs from run to run.

    It is a pattern that *text* matches. Masking it again changes nothing.
    """
    masked = _DIFFERING.sub(_replace, text)
    if len(text) >= TEXT_MAX:  # it was cut off, another time in the middle of another word
        masked = _LAST_WORD.sub('*', masked)
    masked = _AT_AN_END.sub('*', masked).replace('[', '?')  # a bracket would begin a set of characters
    masked = _STARS.sub('*', masked) or '*'
    # Not the first slash is replaced, by which what is escaped is known for a URL.
    return f'{masked[:-1]}?' if Pattern(masked).is_regex else masked


def _replace(match: re.Match[str]) -> str:
    """Return what stands for a part that may differ: escaped letters stay, as they are no numbers."""
    escaped = match['escaped']
    if escaped is None:
        return '*'
    word = match.string[: match.start()].rpartition(' ')[2]
    if escaped[0] == '%' and '/' not in word:  # it is no URL: ``LIKE '%42%'``
        return re.sub(_NUMBER, '*', escaped)
    try:
        is_text = bytes.fromhex(_ESCAPE.sub('', escaped)).decode().isprintable()
    except UnicodeDecodeError:
        is_text = False
    return escaped if is_text else '*'
