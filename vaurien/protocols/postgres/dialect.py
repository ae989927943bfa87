"""The SQL of PostgreSQL, as far as it decides where a statement ends.

Source: https://www.postgresql.org/docs/current/sql-syntax-lexical.html ("Lexical Structure"), and for ``BEGIN ATOMIC``
sql-createfunction.html.
"""

from __future__ import annotations

import re

from vaurien.framing.late_pattern import LatePattern
from vaurien.framing.sql import Dialect

#: Whether a backslash quotes in a plain string depends on ``standard_conforming_strings``. So a plain string in which a
#: quote follows on a backslash is not understood. COPY FROM STDIN needs what the client sends behind the text.
DIALECT = Dialect(
    LatePattern(
        rb"""
          (?P<blank> \s+ | --[^\r\n]* )
        | (?P<comment> /\* )
        | (?P<end> ; )
        | (?P<bracket> [()] )
        | (?P<unclear> BEGIN\s+ATOMIC\b | FROM\s+STDIN\b )
        | (?P<string> E' [^'\\]* (?: (?: '' | \\. ) [^'\\]* )* '
            | ' [^'\\]* (?: \\ (?!') [^'\\]* )* '
            | " [^"]* "
            | \$ (?P<tag> (?: [A-Z_\x80-\xff] [A-Z0-9_\x80-\xff]* )? ) \$ .*? \$ (?P=tag) \$ )
        | (?P<word> [A-Z_\x80-\xff] [\w$\x80-\xff]* )
        | (?P<other> \$ (?! [A-Z_$\x80-\xff] ) | [^'"$] )
        """,
        re.VERBOSE | re.DOTALL | re.IGNORECASE,
    ),
    nests=True,
)
