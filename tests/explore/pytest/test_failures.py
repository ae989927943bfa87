"""What exceptions say about why a test failed, as pytest, unittest and clients of HTTP raise them."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from typing import Any
from unittest import TestCase

import pytest
import requests

from vaurien.explore.pytest.failures import describe_failure


def make_response(status: int) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    return response


def assert_equal_statuses() -> None:
    response = make_response(503)
    assert response.status_code == 201


def assert_status_in() -> None:
    response = make_response(502)
    assert response.status_code in (200, 201), 'the order was not taken'


def assert_ok() -> None:
    response = make_response(429)
    assert response.ok


def assert_local() -> None:
    status = 504
    assert status == 200


def assert_reversed() -> None:
    status = 504
    assert 200 == status  # noqa: SIM300  # some people write it like that


def assert_unittest() -> None:
    TestCase().assertEqual(503, 201)  # noqa: PT009  # that is what it is about


def raise_for_status() -> None:
    make_response(503).raise_for_status()


def assert_number() -> None:
    stock = 503
    assert stock == 7


def assert_text() -> None:
    assert make_response(200).reason == 'OK'


def fail() -> None:
    pytest.fail('nothing was sent')


def do_not_raise() -> None:
    with pytest.raises(KeyError):
        pass


def catch(function: Callable[[], Any]) -> BaseException:
    try:
        function()
    except BaseException as error:
        return error
    raise NotImplementedError


@pytest.mark.parametrize(
    ('function', 'is_assertion', 'status'),
    [
        (assert_equal_statuses, True, 503),
        (assert_status_in, True, 502),
        (assert_ok, True, 429),
        (assert_local, True, 504),
        (assert_reversed, True, 504),
        (assert_unittest, True, 503),
        (raise_for_status, False, 503),
        (assert_number, True, None),
        (assert_text, True, None),
        (fail, True, None),
        (do_not_raise, True, None),
    ],
)
def test_what_is_asserted(function: Callable[[], Any], is_assertion: bool, status: int | None) -> None:
    failure = describe_failure('call', catch(function))
    assert (failure.is_assertion, failure.status) == (is_assertion, status)


def test_an_exception_is_known_by_the_classes_that_it_extends() -> None:
    failure = describe_failure('teardown', ConnectionResetError('by peer'))
    assert failure.phase == 'teardown'
    assert failure.message == 'by peer'
    assert failure.kinds[:3] == ('builtins.ConnectionResetError', 'builtins.ConnectionError', 'builtins.OSError')


@pytest.mark.skipif(sys.version_info < (3, 11), reason='there are no groups of exceptions')
def test_of_several_exceptions_an_assertion_matters() -> None:
    group: type[Exception] = vars(builtins)['ExceptionGroup']
    error = group('several', [OSError('closed'), group('more', [AssertionError('2 charges')])])
    assert describe_failure('teardown', error).message == '2 charges'
