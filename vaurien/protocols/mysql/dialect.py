"""The SQL of MySQL and MariaDB, as far as it decides where a statement ends.

Sources: "Language Structure" of https://dev.mysql.com/doc/refman/8.4/en/, and of MariaDB "Programmatic & Compound
Statements". The SQL mode NO_BACKSLASH_ESCAPES is not known here.
"""

from __future__ import annotations

import re

from vaurien.framing.late_pattern import LatePattern
from vaurien.framing.sql import Dialect

#: LOAD DATA LOCAL needs what the client sends behind the text. In a comment that is executed, a semicolon may stand. A
#: word has the colon of a label.
DIALECT = Dialect(
    LatePattern(
        rb"""
          (?P<blank> \s+ | \#[^\n]* | --(?: [\x00-\x20][^\n]* | \Z ) )
        | (?P<comment> /\* (?! M?! ) )
        | (?P<end> ; )
        | (?P<bracket> [()] )
        | (?P<unclear> LOCAL\s+INFILE\b )
        | (?P<string> ' [^'\\]* (?: \\. [^'\\]* )* '
            | " [^"\\]* (?: \\. [^"\\]* )* "
            | ` [^`]* `
            | /\* M?! [^;*]* (?: \* (?!/) [^;*]* )* \*/ )
        | (?P<word> [A-Z_$\x80-\xff] [\w$\x80-\xff]* (?: \s*:(?!=) )? )
        | (?P<other> (?! /\* ) [^'"`] )
        """,
        re.VERBOSE | re.DOTALL | re.IGNORECASE,
    ),
    has_body=LatePattern(
        rb'CREATE (?:.* )?(?:PROCEDURE|FUNCTION|TRIGGER|EVENT|PACKAGE)\Z|ALTER (?:.* )?EVENT\Z'
        rb'|BEGIN NOT\Z|(?:IF|CASE|LOOP|WHILE|REPEAT|FOR|DECLARE)\Z'
        rb'|[\w$\x80-\xff]+\s*: (?:LOOP|WHILE|REPEAT|FOR|BEGIN)\Z'
    ),
)
