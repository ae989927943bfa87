"""The bodies that the API takes, and those that it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.api import Api
from tests.control.fake import ServedProxy


@pytest.mark.parametrize(
    ('path', 'body', 'name', 'said'),
    [
        ('/behavior', {}, 'name', 'missing'),
        ('/behavior', {'sleep': 2}, 'name', 'missing'),
        ('/behavior', {'name': 3}, 'name', 'expected a text'),
        ('/behavior', {'name': ''}, 'name', 'names no behavior'),
        ('/behavior', {'name': 'dealy'}, 'name', "did you mean 'delay'?"),
        ('/behavior', {'name': 'os:system'}, 'name', 'not a percent'),
        ('/behavior', {'name': '20:dealy'}, 'name', "did you mean 'delay'?"),
        ('/behavior', {'name': 'delay', 'sleep': 'x'}, 'sleep', 'expected a duration'),
        ('/behavior', {'name': 'delay', 'sleep': '2'}, 'sleep', 'expected a duration'),
        ('/behavior', {'name': 'delay', 'sleep': None}, 'sleep', 'float'),
        ('/behavior', {'name': 'delay', 'sleep': True}, 'sleep', 'float'),
        ('/behavior', {'name': 'delay', 'sleep': -1}, 'sleep', '>= 0'),
        ('/behavior', {'name': 'delay', 'slep': 1}, 'slep', "did you mean 'sleep'?"),
        ('/behavior', {'name': 'delay', 'callable': 'os:system'}, 'callable', 'no such option'),
        ('/behavior', {'name': 'delay', 'behavior': '20:delay'}, 'behavior', 'no such option'),
        ('/behavior', {'behavior': '120:delay'}, 'behavior', '0 to 100'),
        ('/behavior', {'behavior': '60:delay,50:error'}, 'behavior', 'more than 100'),
        ('/behavior', {'behavior': 'delay', 'sleep': 2}, 'sleep', 'no such field'),
        ('/behavior', {'behavior': 'delay', 'option': {}}, 'option', "did you mean 'options'?"),
        ('/behavior', {'behavior': 'delay', 'options': []}, 'options', 'expected an object'),
        ('/behavior', {'behavior': 'delay', 'options': {'delay': 2}}, 'options.delay', 'expected an object'),
        ('/behavior', {'behavior': 'delay', 'options': {'error': {}}}, 'options.error', 'not among'),
        ('/behavior', {'behavior': 'delay', 'options': {'delay': {'sleep': 'x'}}}, 'options.delay.sleep', 'a duration'),
        ('/behavior', {'behavior': 'delay', 'options': {'delay': {'options': 1}}}, 'options.delay.options', 'no such'),
        ('/behavior', {'name': 'error', 'errno': 1205}, 'errno', 'errors of tcp have no options'),
        (
            '/behavior',
            {'behavior': '5:error', 'options': {'error': {'code': 500}}},
            'options.error.code',
            'errors of tcp',
        ),
        ('/behavior', {'name': 'delay', 'nth': '0'}, 'nth', 'expected 3, 1-2, 5+ or every 10'),
        ('/behavior', {'name': 'delay', 'match': ''}, 'match', 'expected a pattern'),
        ('/behavior', {'name': 'delay', 'match': '/(?=a)/'}, 'match', 'not a regular expression of RE2'),
        ('/behavior', {'name': 'delay', 'match': r'/(a)\1/'}, 'match', 'not a regular expression of RE2'),
        ('/behavior', {'name': 'delay', 'times': 0}, 'times', '>= 1'),
        ('/behavior', {'name': 'delay', 'sequence': 'pass'}, 'sequence', 'expected fail and pass'),
        ('/behavior', {'name': 'delay', 'client': '10.0.0.0/33'}, 'client', 'expected an address or a network'),
        ('/behavior', {'name': 'delay', 'client_name': 'a*'}, 'client_name', 'clients of tcp tell no name'),
        ('/behavior', {'name': 'delay', 'for': '0s'}, 'for', 'expected'),
        ('/behavior', {'name': 'error', 'warmup': 2, 'nth': 1}, 'warmup', 'contradicts nth=1'),
        ('/behavior', {'behavior': 'error(warmup=2, nth=1)'}, 'behavior.error.warmup', 'contradicts nth=1'),
        (
            '/behavior',
            {'behavior': '5:error(nth=1)', 'options': {'error': {'warmup': 2}}},
            'options.error.warmup',
            'contradicts nth=1',
        ),
        (
            '/behavior',
            {'behaviors': [{'name': 'error', 'warmup': 2, 'nth': 1}]},
            'behaviors[0].warmup',
            'contradicts nth=1',
        ),
        ('/behavior', {'name': 'delay', 'sleep': 'table(/etc/hostname)'}, 'sleep', 'not a request'),
        (
            '/behavior',
            {'behavior': "delay(sleep='table(/etc/hostname)')"},
            'behavior.delay.sleep',
            'only flags, files and programs can name a file, not a request',
        ),
        (
            '/behavior',
            {'behaviors': [{'name': 'delay', 'sleep': 'lognormal(p50=1s)'}]},
            'behaviors[0].sleep',
            'expected a distribution such as lognormal(p50=50ms, p99=400ms)',
        ),
        ('/behavior', {'behavior': 'delay(nth=0)'}, 'behavior.delay.nth', 'expected 3'),
        ('/behavior', {'behavior': 'delay('}, 'behavior', 'expected option=value'),
        ('/behavior', {'behaviors': {}}, 'behaviors', 'expected a list'),
        ('/behavior', {'behaviors': [{'name': 'delay', 'slep': 1}]}, 'behaviors[0].slep', "did you mean 'sleep'?"),
        ('/behavior', {'behaviors': [{'name': 'hang'}, {'name': 'hang'}]}, 'behaviors', 'more than 100'),
        ('/behavior', {'behaviors': [{'name': 'hang'}], 'options': {}}, 'options', 'no such field'),
        ('/backend', {}, 'backend', 'missing'),
        ('/backend', {'backend': None}, 'backend', 'expected a text'),
        ('/backend', {'backend': 'localhost'}, 'backend', 'expected host:port'),
        ('/backend', {'backend': 'localhost:0'}, 'backend', 'no port'),
        ('/backend', {'backend': 'a..b:80'}, 'backend', 'no valid host'),
        ('/backend', {'backend': 'localhost:6380', 'port': 6380}, 'port', 'no such field'),
        ('/backend', {'backend': 'redsi://localhost'}, 'backend', "did you mean 'redis'?"),
        ('/backend', {'backend': 'rediss://localhost'}, 'backend', 'its URL is for TLS, which the proxy does not'),
        ('/backend', {'backend': 'redis://:secret@localhost:0'}, 'backend', "'localhost:0' has no port to connect to"),
    ],
)
def test_names_a_bad_field_and_changes_nothing(
    api: Api, served: ServedProxy, path: str, body: dict[str, Any], name: str, said: str
) -> None:
    error = api.refused('PUT', path, 400, json=body)
    assert (error['location'], error['name']) == ('body', name)
    assert said in error['description']
    assert served.proxy.told == []


@pytest.mark.parametrize('path', ['/behavior', '/backend'])
@pytest.mark.parametrize(
    'body',
    [
        b'',
        b'{',
        b'\xff',
        b'{"name": "\xff"}',
        b'{"name": "delay", "sleep": NaN}',
        b'{"name": "delay", "sleep": 1e999}',
        b'{"name": "delay"} {}',
        b'[]',
        b'null',
        b'"delay"',
        b'[' * 60000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_takes_json_objects_only(api: Api, served: ServedProxy, path: str, body: bytes) -> None:
    error = api.refused('PUT', path, 400, data=body)
    assert (error['location'], error['name']) == ('body', '')
    assert served.proxy.told == []


@pytest.mark.parametrize('content_type', ['text/plain', 'application/x-www-form-urlencoded', '', None])
def test_takes_any_content_type(api: Api, served: ServedProxy, content_type: str | None) -> None:
    headers = {'Content-Type': content_type}
    assert api('PUT', '/behavior', data=b'{"name": "hang"}', headers=headers).json() == {'status': 'ok'}
    assert [rule.name for rule in served.proxy.rules] == ['hang']


@pytest.mark.parametrize('chunked', [False, True], ids=['length', 'chunked'])
@pytest.mark.parametrize(('padding', 'status'), [(64 * 1024, 200), (64 * 1024 + 1, 413), (900_000, 413)])
def test_bounds_bodies(api: Api, served: ServedProxy, padding: int, status: int, chunked: bool) -> None:
    body = b'{"name": "hang"}'.ljust(padding)
    response = api('PUT', '/behavior', data=iter([body[:100], body[100:]]) if chunked else body)
    assert response.status_code == status
    assert len(served.proxy.told) == (status == 200)
    assert api('GET', '/behavior').status_code == 200, 'the connection is of use still'
