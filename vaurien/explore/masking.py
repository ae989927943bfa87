"""Requests without what differs from run to run: numbers, dates, UUIDs and other identifiers, for which ``*`` stands.

What is left names a request in each run, and is a pattern that rules match: ``GET /orders/*``, ``SET user:*``.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from vaurien.framing.head import TEXT_MAX
from vaurien.rules.match import Pattern

_DATE = r'\d{4}-\d\d-\d\d(?:[T_ ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?'
_UUID = r'[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'
#: Eight letters without a digit may well be a word.
_HEX = r'(?=[A-Fa-f]*\d)[0-9A-Fa-f]{8,}'
#: Random letters and digits have both cases, or are a ULID (Crockford's base 32).
_RANDOM = r'(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{16,}|[0-7][0-9A-HJKMNP-TV-Z]{25}'
_NUMBER = r'\d+(?:\.\d+)?'
#: A number is masked in the middle of a word, too: ``order17``.
_DIFFERING = re.compile(rf'(?<![^\W_])(?:{_DATE}|{_UUID}|{_HEX}|{_RANDOM})(?![^\W_])|{_NUMBER}')
_STARS = re.compile(r'\*{2,}')
_AT_AN_END = re.compile(r'\A\s+|\s+\Z')
_LAST_WORD = re.compile(r'\S*\Z')

#: What numbers, UUIDs and other identifiers in hexadecimal are made of.
_OF_IDENTIFIERS = b'0123456789abcdefABCDEF-'


@lru_cache(4096)
def mask(text: str) -> str:
    """Return the text of a request with ``*`` in the place of what differs from run to run.

    It is a pattern that *text* matches. Masking it again changes nothing.
    """
    masked = _DIFFERING.sub('*', text)
    if len(text) >= TEXT_MAX:  # it was cut off, another time in the middle of another word
        masked = _LAST_WORD.sub('*', masked)
    masked = _AT_AN_END.sub('*', masked).replace('[', '?')  # a bracket would begin a set of characters
    masked = _STARS.sub('*', masked) or '*'
    return f'?{masked[1:]}' if Pattern(masked).is_regex else masked


class MaskingHash:
    """A hash of a request's bytes, however they are cut into chunks, by which it is known again if it comes twice.

    It leaves out whatever an identifier can be made of. So it may take two requests for the same that differ in
    nothing else, which does not matter: it is used to compare how often a request came in two runs.
    """

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def update(self, data: bytes) -> None:
        """Take the next bytes of the request."""
        self._hash.update(data.translate(None, _OF_IDENTIFIERS))

    def hexdigest(self) -> str:
        """Return the hash of the bytes so far."""
        return self._hash.hexdigest()
