"""What schemathesis may do to the command that it tries, loaded by it: see schemathesis.toml."""

from __future__ import annotations

import itertools
import os
import socket
from contextlib import suppress
from typing import Any

import msgspec
import requests
import schemathesis

from tests.behaviors.waiting import eventually
from tests.servers import HOST, TIMEOUT
from vaurien.control.journal import read_query
from vaurien.errors import ConfigError
from vaurien.plugins.distribution import DrawnMilliseconds
from vaurien.toxiproxy.fields import TLSFields

#: The proxy that is there at the start, and stays.
PROXY = 'vaurien'
#: Its backend, which stays the same, and the URL of the control API: variables of the environment.
BACKEND, API = 'VAURIEN_TEST_BACKEND', 'VAURIEN_TEST_API'

#: Seconds that are longer than all of this takes.
HOUR = 3600

#: Of proxies that are there to be changed.
numbers = itertools.count(1)
#: Their links are there to be cut.
clients: list[socket.socket] = []


@schemathesis.hook
def filter_body(context: schemathesis.HookContext, body: Any) -> bool:
    """Of names that differ in case alone the last one counts, of which no schema knows."""
    if isinstance(body, list):
        return all(filter_body(context, item) for item in body)
    if not isinstance(body, dict):
        return True
    names = {name.lower() for name in body}
    if len(names) < len(body) or not all(filter_body(context, value) for value in body.values()):
        return False
    return all(is_distribution(value) for value in body.values() if DrawnMilliseconds.is_meant(value))


def is_distribution(text: str) -> bool:
    """Whether the numbers in it are what no schema knows: one above the other."""
    try:
        DrawnMilliseconds.parse(text)
    except ValueError:
        return False
    return True


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Keep what is tried on this machine, and let it meet a proxy and links that are there."""
    for body in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(body, dict):
            restrain(body, creates=case.method == 'POST' and case.path in ('/proxies', '/populate'))
            put_off(body.get('steps'))
    if case.path == '/schedule/mark' and isinstance(case.body, dict) and isinstance(case.body.get('name'), str):
        ask('PUT', 'schedule', steps=[{'at': HOUR, 'after': case.body['name'], 'proxy': PROXY, 'behavior': 'delay'}])
    if case.path.endswith('/journal') and follows(case.query):
        case.query['follow'] = False  # it would have no end
    given = case.path_parameters
    if case.method != 'GET' and case.path == '/proxies/{name}' and given.get('name') == PROXY:
        given['name'] = f'spare-{next(numbers)}'  # never one that was deleted before
        ask('POST', 'proxies', name=given['name'], listen=f'{HOST}:0', upstream=os.environ[BACKEND])
    if case.path.endswith('/links/{number}') and str(given.get('number')).isdigit():
        given['number'] = open_link()
    if case.path.endswith('/held/{number}') and str(given.get('number')).isdigit():
        given['number'] = hold_request()
    if case.path.endswith('/toxics/{toxic}'):
        ask('POST', f'proxies/{PROXY}/toxics', type='latency')  # unless it is there


def follows(query: dict[str, Any]) -> bool:
    """Whether these parameters are right, and ask for an answer without an end."""
    with suppress(ConfigError):
        return read_query({'follow': str(query['follow'])} if 'follow' in query else {}).follow
    return False


def restrain(body: dict[str, Any], *, creates: bool) -> None:
    """Let a proxy listen on a free port of loopback, whatever text it has; what is no text is to be refused."""
    if creates and body.get('listen') is None:
        body['listen'] = ''
    for key, value in list(body.items()):
        if is_tls(key, value):
            del body[key]
        if key.lower() == 'listen' and isinstance(value, str):
            body[key] = f'{HOST}:0'
        if key == 'backend' and isinstance(value, str) and ':' in value:
            body[key] = os.environ[BACKEND]


def is_tls(key: str, value: Any) -> bool:
    """Whether that is a setting of TLS which may be right. A schema cannot say which go together, nor what is a key."""
    field = key.lower()
    if value is None or field not in TLSFields.__struct_fields__ or field == 'tls_keylog':
        return False
    with suppress(msgspec.ValidationError, ConfigError):
        msgspec.convert({field: value}, TLSFields).refuse_files()
        return True
    return False


def put_off(steps: Any) -> None:
    """Let what is scheduled be on the proxy, and happen when all is over."""
    for step in steps if isinstance(steps, list) else []:
        if isinstance(step, dict):
            if isinstance(step.get('at', 0), int | float) and 0 <= step.get('at', 0) < HOUR:
                step['at'] = HOUR
            if step.get('enabled') is False:
                step['enabled'] = True
            if isinstance(step.get('proxy'), str | None) and step.get('proxy') != '':
                step['proxy'] = PROXY


def hold_request() -> int:
    """The number of a request that is held."""
    ask('PUT', f'proxies/{PROXY}/behavior', name='hold')
    link = open_link()
    clients[-1].sendall(b'hello')
    held: list[int] = []

    def look() -> bool:
        found = ask('GET', f'proxies/{PROXY}/held')['held']
        held[:] = [one['id'] for one in found if one['link'] == link]
        return bool(held)

    eventually(look)
    return held[0]


def open_link() -> int:
    """The number of another link."""
    before = ask('GET', f'proxies/{PROXY}/status')
    host, _, port = before['proxy'].rpartition(':')
    clients.append(socket.create_connection((host, int(port)), TIMEOUT))
    total: int = before['links']['total']
    eventually(lambda: ask('GET', f'proxies/{PROXY}/status')['links']['total'] > total)
    return total + 1


def ask(method: str, path: str, **body: Any) -> Any:
    """What the API answers."""
    return requests.request(method, f'{os.environ[API]}/{path}', json=body, timeout=TIMEOUT).json()
