"""HEAD, on the paths of the control API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest
import requests

from tests.commands import Command
from tests.servers import TIMEOUT
from vaurien.control.page import list_paths

#: Their answers have no end.
ENDLESS = {'/events', '/journal?follow=true'}


@pytest.fixture
def connection(echoing: Command) -> Iterator[HTTPConnection]:
    """One connection for many requests: a body behind HEAD would be the beginning of the next answer."""
    with closing(HTTPConnection(echoing.api.partition('//')[2], timeout=TIMEOUT)) as connection:
        yield connection


def ask(connection: HTTPConnection, method: str, path: str) -> tuple[HTTPResponse, bytes]:
    connection.request(method, path)
    response = connection.getresponse()
    return response, response.read()


def get_paths(api: str) -> set[str]:
    """The paths that have GET and no name in them, but for those of Toxiproxy."""
    paths: dict[str, Any] = requests.get(f'{api}/openapi.json', timeout=TIMEOUT).json()['paths']
    found = {path for path, methods in paths.items() if 'get' in methods and '{' not in path}
    return {path for path in found if 'toxiproxy' not in paths[path]['get']['tags']}


def test_head_is_get_without_a_body(echoing: Command, connection: HTTPConnection) -> None:
    paths = {*get_paths(echoing.api), *list_paths()} - ENDLESS
    assert {'/status', '/health', '/metrics', '/openapi.json', '/ui', '/ui/app.js'} <= paths
    for path in paths:
        head, nothing = ask(connection, 'HEAD', path)
        got, body = ask(connection, 'GET', path)
        assert (head.status, nothing, set(head.headers)) == (got.status, b'', set(got.headers)), path
        assert head.headers['Content-Type'] == got.headers['Content-Type']
        if path in list_paths():
            assert head.headers['Content-Length'] == got.headers['Content-Length'] == str(len(body))


def test_an_answer_without_an_end_has_no_length(connection: HTTPConnection) -> None:
    for path in ENDLESS:
        head, nothing = ask(connection, 'HEAD', path)
        assert (head.status, nothing) == (200, b'')
        assert {'Content-Length', 'Transfer-Encoding'}.isdisjoint(head.headers)


def test_where_there_is_no_get_or_toxiproxy_answers(connection: HTTPConnection) -> None:
    for path, allowed in (('/match', 'POST, OPTIONS'), ('/proxies', None), ('/version', None)):
        head, nothing = ask(connection, 'HEAD', path)
        assert (head.status, head.headers['Allow'], nothing) == (405, allowed, b'')
