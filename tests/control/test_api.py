"""What Vaurien's own paths answer, through the real server.

This also tests `answers`, `routes`, `server` and `sources`.
"""

from __future__ import annotations

from time import time
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest

from tests.arming import UNAIMED, rule
from tests.control.api import Api
from tests.control.fake import ServedProxy
from tests.servers import TIMEOUT
from vaurien.address import Address
from vaurien.behaviors import Behavior
from vaurien.protocols import Protocol
from vaurien.records.faults import Fault


def test_tells_what_is_armed(api: Api, served: ServedProxy) -> None:
    assert api('GET', '/behavior').json() == {'behavior': 'dummy', 'options': {}}
    served.proxy.rules = (rule('error', 20.0, inject=True), rule('delay', 0.5))
    assert api('GET', '/behavior').json() == {
        'behavior': '20:error,0.5:delay',
        # What is at its default is there if it was configured otherwise.
        'options': {'error': {'inject': True}, 'delay': {'sleep': 1.0, 'before': True}},
    }


def test_arms_one_behavior(api: Api, served: ServedProxy) -> None:
    response = api('PUT', '/behavior', json={'name': 'delay', 'sleep': 2})
    assert (response.status_code, response.json()) == (200, {'status': 'ok'})
    assert served.proxy.told == [(rule('delay', sleep=2.0, before=False),)]


def test_arms_by_weight(api: Api, served: ServedProxy) -> None:
    body = {'behavior': '20:delay,10:error', 'options': {'delay': {'before': True}, 'error': {'inject': True}}}
    assert api('PUT', '/behavior', json=body).json() == {'status': 'ok'}
    delay, error = served.proxy.rules
    assert delay == rule('delay', 20.0, sleep=5.0, before=True)
    assert (error.name, error.percent, error.options['inject']) == ('error', 10.0, True)


@pytest.mark.parametrize('key', ['name', 'behavior'])
def test_takes_weights_under_either_key(api: Api, served: ServedProxy, key: str) -> None:
    api('PUT', '/behavior', json={key: '0.5:delay'})
    assert served.proxy.rules == (rule('delay', 0.5, sleep=5.0, before=False),)


def test_what_it_gives_can_be_put_back(api: Api, served: ServedProxy) -> None:
    for body in (
        {'behavior': '20:delay,10:error'},
        {'name': 'delay', 'sleep': 1},
        {'name': 'delay', 'sleep': 'uniform(min=1s, max=2s)', 'match': 'GET *', 'for': 9},
        {'behaviors': [{'name': 'delay', 'percent': 50, 'sleep': 1, 'nth': 3}, {'name': 'delay', 'percent': 50}]},
        {'name': 'dummy'},
    ):
        api('PUT', '/behavior', json=body)
        rules = served.proxy.rules
        api('PUT', '/behavior', json=api('GET', '/behavior').json())
        assert served.proxy.told[-1] == rules


def test_arms_a_list(api: Api, served: ServedProxy) -> None:
    items = [{'name': 'delay', 'match': 'GET *', 'sleep': 1}, {'name': 'delay', 'percent': 20, 'nth': 3}]
    assert api('PUT', '/behavior', json={'behaviors': items}).json() == {'status': 'ok'}
    first, second = served.proxy.rules
    assert (first.percent, first.options['sleep'], str(first.options['match'])) == (100.0, 1.0, 'GET *')
    assert (second.percent, second.options['sleep'], str(second.options['nth'])) == (20.0, 5.0, '3')
    assert api('GET', '/behavior').json() == {
        'behavior': "100:delay(before=false, match='GET *'),20:delay(sleep=5.0, before=false, nth='3')",
        'options': {'delay': {'sleep': 1.0}},
    }


def test_an_empty_list_lets_everything_pass(api: Api, served: ServedProxy) -> None:
    assert api('GET', '/status').json()['behaviors'] == []
    api('PUT', '/behavior', json={'name': 'hang'})
    assert api('PUT', '/behavior', json={'behaviors': []}).json() == {'status': 'ok'}
    assert served.proxy.told[-1] == ()
    assert api('GET', '/behavior').json()['behavior'] == 'dummy'


def test_tells_and_forgets_faults(api: Api, served: ServedProxy) -> None:
    fault = Fault(time=1.5, link=1, exchange=2, behavior='delay', options={'sleep': 2.0}, request='GET /')
    served.proxy.faults.on_fault(fault)
    assert api('GET', '/faults').json() == {'faults': [msgspec.to_builtins(fault)]}
    assert api('POST', '/faults/take').json() == {'fault': msgspec.to_builtins(fault)}
    assert api('POST', '/faults/take').json() == {'fault': None}
    assert api('GET', '/faults').json() == {'faults': [msgspec.to_builtins(fault)]}
    assert api('DELETE', '/faults').json() == {'status': 'ok'}
    assert api('GET', '/faults').json() == {'faults': []}


@pytest.mark.parametrize(
    ('body', 'action', 'code'),
    [
        ({'decision': 'pass'}, 'pass', None),
        ({'decision': 'cut'}, 'cut', None),
        ({'decision': 'error', 'code': 503}, 'error', 503),
        ({'decision': 'error(code=504)'}, 'error', 504),
    ],
)
def test_decides_about_what_is_held(
    api: Api, served: ServedProxy, body: dict[str, Any], action: str, code: int | None
) -> None:
    served.proxy.protocol = Protocol.get('http')
    link = Mock(number=3, client_address=Address('10.1.2.3', 4567))
    with served.proxy.breakpoints.holding(link, 'GET /orders/7', 30.0) as held:
        [shown] = api('GET', '/held').json()['held']
        assert 0 <= shown.pop('seconds') <= 30.0 - shown.pop('left') + 0.002
        assert time() - shown.pop('time') < TIMEOUT
        assert shown == {'id': 1, 'link': 3, 'client': '10.1.2.3:4567', 'request': 'GET /orders/7'}
        api.refused('POST', '/held/2', 404, json=body)
        assert api('POST', '/held/1', json=body).json() == {'status': 'ok'}
        assert api('GET', '/held').json() == {'held': []}
        error = api.refused('POST', '/held/1', 404, json=body)
        assert error == {'location': 'path', 'name': '/held/1', 'description': 'no request 1 is held'}
    assert held.decision is not None
    assert (held.decision.action, held.decision.options.get('code')) == (action, code)
    assert link.changed.call_count == 1


@pytest.mark.parametrize(
    ('body', 'name'),
    [
        ({}, 'decision'),
        ({'decision': 3}, 'decision'),
        ({'decision': 'drop'}, 'decision'),
        ({'decision': 'cut', 'code': 503}, 'code'),
    ],
)
def test_refuses_what_cannot_be_decided(api: Api, body: dict[str, Any], name: str) -> None:
    error = api.refused('POST', '/held/1', 400, json=body)
    assert (error['location'], error['name']) == ('body', name)


def test_lists_behaviors_and_their_options(api: Api) -> None:
    answer = api('GET', '/behaviors').json()
    assert answer['behaviors'] == Behavior.names()
    sleep = answer['options']['delay']['sleep']
    assert sleep.pop('schema')['default'] == 1.0  # all of it: test_option_list.py
    assert sleep == {'help': 'Seconds to wait', 'type': 'float', 'default': 1.0, 'unit': 's'}
    assert answer['armed'] == {}


def test_lists_what_is_armed_with_the_behaviors(api: Api) -> None:
    api('PUT', '/behavior', json={'name': 'delay', 'match': 'GET *'})
    [rules] = api('GET', '/behaviors').json()['armed'].values()
    options = {'sleep': 5.0, 'before': False, **UNAIMED, 'match': 'GET *'}
    text = "delay(sleep=5.0, before=false, match='GET *')"
    counts = {'seen': 0, 'matched': 0, 'hits': 0}
    assert rules == [{'name': 'delay', 'percent': 100, 'text': text, 'options': options, **counts}]


def test_tells_and_changes_the_backend(api: Api, served: ServedProxy) -> None:
    assert api('GET', '/backend').json() == {'backend': 'localhost:6379'}
    assert api('PUT', '/backend', json={'backend': '[::1]:6380'}).json() == {'status': 'ok'}
    assert served.proxy.told == [('::1', 6380)]
    assert api('GET', '/backend').json() == {'backend': '[::1]:6380'}
    assert api('PUT', '/backend', json={'backend': 'redis://:secret@cache/0'}).json() == {'status': 'ok'}
    assert api('GET', '/backend').json() == {'backend': 'cache:6379'}
    expected = 'expected a JSON object, such as {"backend": "localhost:6379"}'
    assert api.refused('PUT', '/backend', 400, json=[])['description'] == expected


def test_tells_the_status(api: Api) -> None:
    assert api('GET', '/status').json() == {'behavior': 'dummy', 'behaviors': []}
