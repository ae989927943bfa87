"""Regular expressions that cannot stop the process: those of RE2, which takes linear time whatever the text is.

Python's own engine goes back and tries again: ``(a+)+$`` takes hours for 40 characters, and holds the interpreter. RE2
has no backreferences and no lookaround, which is what makes the difference. Its syntax is described at
https://github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

from collections.abc import Callable

from vaurien.console.output import make_printable

#: The most bytes that an expression and its automata take. It is an eighth of what RE2 would take.
MAX_MEMORY = 1024 * 1024
#: The most instructions of an expression. Each character of a text costs up to a step for each of them, so a text of
#: 200 characters takes no more than a few milliseconds.
MAX_INSTRUCTIONS = 2000
#: The most characters of a reason why an expression is rejected.
MAX_REASON = 100


def compile_regex(text: str) -> Callable[[str], bool]:
    """Return whether the regular expression *text* fits any part of a text, as a function; raise ValueError."""
    import re2  # late: most commands have no regular expression

    options = re2.Options()
    options.log_errors = False  # it would write to the standard error
    options.never_capture = True
    options.max_mem = MAX_MEMORY
    try:
        compiled = re2.compile(text.encode(), options)
    except re2.error as error:
        reason = make_printable(error.args[0].decode(errors='replace'))  # it quotes the expression
        raise ValueError(f'not a regular expression of RE2: {reason[:MAX_REASON]}') from None
    except UnicodeEncodeError:
        raise ValueError('not a regular expression of RE2: not Unicode') from None
    if compiled.programsize > MAX_INSTRUCTIONS:
        raise ValueError('not a regular expression of RE2: pattern too large')
    search = compiled.search

    def fits(request: str) -> bool:
        return search(request.encode(errors='backslashreplace')) is not None

    return fits
