"""The answers to errors: the table row by row, and what the real server answers. `app` is tested here, too."""

from __future__ import annotations

import logging

import falcon
import pytest

from tests.control.api import Api
from tests.control.fake import ServedProxy
from vaurien.control.error_responses import ANSWERS, find_answer
from vaurien.errors import (
    AddressError,
    AmbiguousProxyError,
    BusyError,
    ConfigError,
    NoJournalError,
    NoScheduleError,
    OptionError,
    ParameterError,
    PluginError,
    UnknownProxyError,
    VaurienError,
    WorkerError,
)


@pytest.mark.parametrize('path', ['/', '/behaviour', '/behavior/x', '/behavior/', '/favicon.ico', '/%ff'])
def test_knows_no_other_path(api: Api, path: str) -> None:
    error = api.refused('GET', path, 404)
    assert error['location'] == 'path'
    assert '/behavior' in error['description']


@pytest.mark.parametrize(
    ('method', 'path', 'allowed'),
    [
        ('POST', '/behavior', {'GET', 'HEAD', 'PUT', 'OPTIONS'}),
        ('DELETE', '/backend', {'GET', 'HEAD', 'PUT', 'OPTIONS'}),
        ('PUT', '/status', {'GET', 'HEAD', 'OPTIONS'}),
        ('PATCH', '/behaviors', {'GET', 'HEAD', 'OPTIONS'}),
    ],
)
def test_says_which_methods_are_allowed(api: Api, method: str, path: str, allowed: set[str]) -> None:
    assert set(api(method, path).headers['Allow'].split(', ')) == allowed
    error = api.refused(method, path, 405)
    assert (error['location'], error['name']) == ('method', method)


def test_an_error_of_its_own_is_logged_and_not_shown(
    api: Api, served: ServedProxy, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    served.proxy.failure = ZeroDivisionError('secret')
    error = api.refused('GET', '/status', 500)
    assert (error['location'], error['name']) == ('path', '/status')
    assert 'secret' not in error['description']
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[1] is served.proxy.failure
    assert capfd.readouterr().err == ''


@pytest.mark.parametrize(
    ('error', 'status', 'location'),
    [
        (ConfigError('x'), '400 Bad Request', 'body'),
        (AddressError('x'), '400 Bad Request', 'body'),
        (OptionError('x'), '400 Bad Request', 'body'),
        (PluginError('x'), '400 Bad Request', 'body'),
        (UnknownProxyError('x'), '404 Not Found', 'path'),
        (NoScheduleError('x'), '404 Not Found', 'path'),
        (NoJournalError('x'), '404 Not Found', 'path'),
        (ParameterError('x'), '400 Bad Request', 'query'),
        (AmbiguousProxyError('x'), '409 Conflict', 'path'),
        (BusyError('x'), '503 Service Unavailable', 'path'),
        (WorkerError('x'), '503 Service Unavailable', 'path'),
        (falcon.HTTPBadRequest(), '400 Bad Request', 'method'),
        (falcon.HTTPUnauthorized(), '401 Unauthorized', 'header'),
        (falcon.HTTPForbidden(), '403 Forbidden', 'header'),
        (falcon.HTTPNotFound(), '404 Not Found', 'path'),
        (falcon.HTTPRouteNotFound(), '404 Not Found', 'path'),
        (falcon.HTTPMethodNotAllowed(['GET']), '405 Method Not Allowed', 'method'),
        (falcon.HTTPContentTooLarge(), '413 Content Too Large', 'body'),
        (VaurienError('x'), '500 Internal Server Error', 'path'),
        (OSError(), '500 Internal Server Error', 'path'),
        (KeyError('x'), '500 Internal Server Error', 'path'),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else '',
)
def test_every_error_has_its_row(error: Exception, status: str, location: str) -> None:
    assert find_answer(error)[:2] == (status, location)


def test_no_row_goes_untested() -> None:
    assert len(ANSWERS) == 15
