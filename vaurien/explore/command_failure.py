"""What the output of a command says about why it failed: an assertion, also on a status of HTTP, or an exception.

It is a guess, for each language and each framework says it in its own way. What is not understood is an assertion.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import takewhile

from vaurien.explore.model import Failure, list_kinds
from vaurien.explore.settings import USUAL_STATUSES

#: The lines around an assertion that belong to it, and the most lines between two that are about one assertion.
BEFORE = 12
BEHIND = 10
#: The most characters of what an assertion says.
MESSAGE_MAX = 300

#: What a line has in it if an assertion has failed: Python, Node.js and Java; Jest; RSpec; minitest; PHPUnit; Go; Rust.
_ASSERTED = re.compile(
    r'\bAssert\w*(?:Error|Exception)|ERR_ASSERTION|AssertionFailed|ComparisonFailure'
    r'|\bexpect\(\w*\)|ExpectationNotMet|Failure/Error:|Minitest::Assertion|Failed asserting'
    r'|^\s*--- FAIL|Error Trace:|\bassertion\b.{0,80}\bfailed'
)
_STATUS = r'<?\b([1-5]\d\d)\b>?'
#: Two statuses that are compared: ``503 !== 201``, ``Expected: 201`` above ``Received: 503``.
_COMPARED = re.compile(
    rf'{_STATUS} [!=]==? {_STATUS}'
    rf'|\b[Ee]xpected:?\s{{1,9}}{_STATUS}\D{{1,60}}{_STATUS}'
    rf'|\b[Tt]hat {_STATUS} \D{{1,40}}{_STATUS}'
    rf'|\b(?:[Aa]ctual|left)\W{{1,9}}{_STATUS}\W{{1,20}}(?:[Ee]xpected|right)\W{{1,9}}{_STATUS}'
)
_TRACEBACK = 'Traceback (most recent call last):'
#: The line behind a traceback of Python.
_RAISED = re.compile(r'([A-Za-z_][\w.]*)(?:: (.*))?')
#: The line with which other languages name an error; and the two of TAP.
_THROWN = re.compile(r'\W*((?:[A-Za-z_]\w*(?:\.|::|\\))*\w*(?:Error|Exception))\b(?: \[\w+\])?(?:: ?(.*))?')
#: The name of a test that has failed, in TAP and as Node.js prints it.
_TEST = re.compile(r'(?:not ok \d+ - |✖ )(.*?)(?: \([\d.]+m?s\))?')
_TAP_NAME = re.compile(r"\s+name: '(\w+)'")
_TAP_ERROR = re.compile(r"\s+error: '(.*)'")
_TAP_BLOCK = 'error: |-'


def read_failure(status: int, output: str) -> Failure:
    """Return why a command has failed that has ended with *status* and printed *output*."""
    lines = output.splitlines()
    if asserted := list(_find_assertions(lines)):
        found = [_find_status(part) for part in asserted]
        # One that is not about a status counts, and one about a status that should not have come.
        worst = min(range(len(found)), key=lambda i: (found[i] is not None, found[i] in USUAL_STATUSES))
        return _make_failure(['AssertionError'], _shorten(asserted[worst]), found[worst])
    if raised := (_find_raised(lines) or _find_thrown(lines)):
        return Failure(phase='call', kinds=(raised[0],), message=raised[1])
    last = next((line.strip() for line in reversed(lines) if line.strip()), '')
    return _make_failure([_describe(status)], last)


def describe_error(error: BaseException) -> Failure:
    """Return why code of Python has failed that has raised *error*."""
    is_assertion = isinstance(error, AssertionError)
    status = _find_status([str(error)]) if is_assertion else None
    return Failure(phase='call', kinds=list_kinds(error), message=str(error), is_assertion=is_assertion, status=status)


def _make_failure(kinds: Sequence[str], message: str, status: int | None = None) -> Failure:
    return Failure(phase='call', kinds=tuple(kinds), message=message, is_assertion=True, status=status)


def _describe(status: int) -> str:
    """Return the name of an exit status: ``exit 1``, or ``SIGSEGV``."""
    if status < 0:
        with suppress(ValueError):
            return signal.Signals(-status).name
    return f'exit {status}'


def _find_assertions(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the lines about each assertion that has failed."""
    marked = [number for number, line in enumerate(lines) if _ASSERTED.search(line)]
    begin = end = 0
    for i, number in enumerate(marked):
        if i + 1 == len(marked) or marked[i + 1] - number > BEHIND:
            first = max(end, marked[begin] - BEFORE)
            end = number + BEHIND
            yield lines[first:end]
            begin = i + 1


def _find_status(lines: Sequence[str]) -> int | None:
    """Return the status that an assertion is about: the one of two that says no."""
    found = _COMPARED.search('\n'.join(lines))
    return max(int(status) for status in found.groups() if status) if found else None


def _shorten(lines: Sequence[str]) -> str:
    """Return what an assertion says, in one line, behind the name of the test if that is known."""
    names = [match[1] for line in lines if (match := _TEST.fullmatch(line))]
    text = _find_text(lines)
    return ': '.join([*names[-1:], text])[:MESSAGE_MAX]


def _find_text(lines: Sequence[str]) -> str:
    if found := _COMPARED.search('\n'.join(lines)):
        return ' '.join(found[0].split())
    for number, line in enumerate(lines):
        if match := _TAP_ERROR.fullmatch(line):
            return match[1]
        if line.strip() == _TAP_BLOCK:
            block = takewhile(lambda one: not one.lstrip().startswith('code: '), lines[number + 1 :])
            return ' '.join(' '.join(block).split())
    marked = next(number for number, line in enumerate(lines) if _ASSERTED.search(line))
    text = lines[marked].strip()
    for colon in ('AssertionError: ', 'AssertionError [ERR_ASSERTION]: '):
        text = text.partition(colon)[2] or text
    # Node.js says there only that they differ, and then how.
    follows = (
        takewhile(lambda one: not one.lstrip().startswith('at '), lines[marked + 1 :]) if text.endswith(':') else ()
    )
    return ' '.join([text, *' '.join(follows).split()])


def _find_raised(lines: Sequence[str]) -> tuple[str, str] | None:
    """Return name and text of the exception with which Python has ended; None if it has not."""
    found = None
    for number, line in enumerate(lines):
        if line.startswith(_TRACEBACK):
            end = next((one for one in lines[number + 1 :] if one and not one.startswith((' ', '\t'))), '')
            if match := _RAISED.fullmatch(end):
                found = match[1], match[2] or ''
    return found


def _find_thrown(lines: Sequence[str]) -> tuple[str, str] | None:
    """Return name and text of the first error that another language has named; None if none has."""
    error = ''
    for line in lines:
        if match := _TAP_ERROR.fullmatch(line):
            error = match[1]
        if match := _TAP_NAME.fullmatch(line):
            return match[1], error
        if match := _THROWN.fullmatch(line):
            return match[1], match[2] or ''
    return None
