"""What a test's exception says about why it failed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from vaurien.explore.model import Failure, list_kinds

#: What pytest's explanation of an assertion says about where a number comes from: ``where 503 = <…>.status_code``.
_STATUS_OF = re.compile(r'^\s*\+\s+(?:and\s+)?where (\d{3}) = .*\.(?:status_code|status|code|getcode\(\))$', re.M)
#: The response that says no, of which something was asserted: ``where False = <Response [503]>.ok``.
_OF_RESPONSE = re.compile(r'^\s*\+.* where .*Response[^\n]*?\[([45]\d\d)\b', re.M)
#: Two statuses that were compared, as pytest and unittest show it.
_COMPARED = re.compile(r'(?:^|assert )([1-5]\d\d) (?:==|!=|<|<=|in) \(?([1-5]\d\d)\b', re.M)

#: The least status that says no.
_FAILED = 400


def describe_failure(phase: str, error: BaseException) -> Failure:
    """Return what *error*, which ended a phase of a test, says."""
    error = _find_worst(error)
    message = str(error)
    is_assertion = isinstance(error, AssertionError | pytest.fail.Exception)
    return Failure(
        phase=phase,
        kinds=list_kinds(error),
        message=message,
        is_assertion=is_assertion,
        status=_find_asserted_status(message) if is_assertion else _find_raised_status(error),
    )


def _find_worst(error: BaseException) -> BaseException:
    """Return the exception that matters in a group: an assertion, or else the first."""
    members: tuple[BaseException, ...] = getattr(error, 'exceptions', ())  # which only a group has
    leaves = [_find_worst(each) for each in members]
    return next((leaf for leaf in leaves if isinstance(leaf, AssertionError)), leaves[0] if leaves else error)


def _find_asserted_status(message: str) -> int | None:
    """Return the status of HTTP that an assertion was about, by what its text shows."""
    if (found := _STATUS_OF.search(message) or _OF_RESPONSE.search(message)) is not None:
        return int(found[1])
    if (compared := _COMPARED.search(message)) is None:
        return None
    left, right = int(compared[1]), int(compared[2])
    return right if right >= _FAILED > left else left


def _find_raised_status(error: BaseException) -> int | None:
    """Return the status that an exception of a client of HTTP carries."""
    response: Any = getattr(error, 'response', None)
    for owner, name in ((response, 'status_code'), (response, 'status'), (error, 'status'), (error, 'code')):
        status = getattr(owner, name, None)
        if isinstance(status, int) and 100 <= status < 600:
            return status
    return None
