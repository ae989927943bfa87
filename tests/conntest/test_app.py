"""The API of ``conntest server``, of a server that runs; `test_upstream` has the URL that it fetches."""

from __future__ import annotations

import base64
import uuid

import pytest
from falcon.testing import TestClient

from tests.conntest.serving import Server, StartServer
from tests.peers import Peer
from vaurien.conntest.app import MAX_DATA, Responders, make_app
from vaurien.conntest.plan import Plan
from vaurien.conntest.store import GROUP_COST, Store
from vaurien.conntest.timestamps import UNSET, parse_timestamp
from vaurien.conntest.upstream import Fetched, Upstream
from vaurien.web.body import MAX_OBJECT
from vaurien.web.guard import Guard

SETTINGS = {'description': 'a test', 'run_count': 3, 'concurrency': 2, 'client_delay_ns': 100, 'server_delay_ns': 5}


def test_a_group_from_its_creation_to_its_end(server: Server) -> None:
    created = server.call('POST', '/test-groups/create', '{"run_count": 3, "concurrency": 2, "description": "a test"}')
    assert created.status_code == 200
    group = created.json()
    group_id = group['run_group_id']
    assert uuid.UUID(group_id).version == 4
    assert parse_timestamp(group['created_at']) > 0
    assert list(group.items()) == [
        ('run_group_id', group_id),
        ('run_count', 3),
        ('test_runs', None),
        ('description', 'a test'),
        ('created_at', group['created_at']),
        ('concurrency', 2),
        ('client_delay_ns', 0),
        ('server_delay_ns', 0),
    ]
    assert server.read(group_id) == group
    answer = server.call('POST', f'/test-groups/{group_id}/1', b'hello')
    assert (answer.status_code, answer.content) == (200, b'')
    (test_run,) = server.read(group_id)['test_runs']
    assert list(test_run.items()) == [
        ('run_id', test_run['run_id']),
        ('run_count', 1),
        ('time', test_run['server_start']),
        ('data', base64.b64encode(b'hello').decode()),
        ('client_start', UNSET),
        ('client_end', UNSET),
        ('server_start', test_run['server_start']),
        ('server_end', test_run['server_end']),
    ]
    assert uuid.UUID(test_run['run_id']).version == 4
    assert parse_timestamp(test_run['server_start']) < parse_timestamp(test_run['server_end'])
    assert server.read(group_id) in server.call('GET', '/test-groups').json()
    deleted = server.call('DELETE', f'/test-groups/{group_id}')
    assert (deleted.status_code, deleted.content) == (204, b'')
    for method, path in (('GET', ''), ('DELETE', ''), ('POST', '/2')):
        answer = server.call(method, f'/test-groups/{group_id}{path}')
        assert (answer.status_code, answer.content) == (404, b'')


def test_without_groups_there_is_null(start_server: StartServer) -> None:
    server = start_server()
    assert server.call('GET', '/test-groups').content == b'null'
    ids = [server.create(), server.create()]
    assert [group['run_group_id'] for group in server.call('GET', '/test-groups').json()] == ids


def test_head_is_get_without_a_body(server: Server) -> None:
    path = f'/test-groups/{server.create()}'
    for method, length in (('HEAD', 0), ('GET', len(server.call('GET', path).content))):
        answer = server.call(method, path)
        assert (answer.status_code, len(answer.content)) == (200, length)
        assert answer.headers['Content-Type'] == 'application/json'
        assert 'Content-Length' not in answer.headers


def test_all_settings_come_back(server: Server) -> None:
    settings = {**SETTINGS, 'upstream_endpoint': 'https://localhost:1/x?y', 'upstream_timeout_ns': 7}
    assert server.read(server.create(**settings)).items() > settings.items()


@pytest.mark.parametrize('data', [b'', b'\x00\xff\r\n\r\n', bytes(range(256)) * 200], ids=['empty', 'binary', 'large'])
def test_data_arrive_as_they_are(server: Server, data: bytes) -> None:
    group_id = server.create()
    server.call('POST', f'/test-groups/{group_id}/1', data)
    (test_run,) = server.read(group_id)['test_runs']
    assert base64.b64decode(test_run.get('data', '')) == data
    assert ('data' in test_run) == bool(data)


@pytest.mark.parametrize(('number', 'count'), [('1', 1), ('007', 7), ('+7', 7), ('999999999999999999', 10**18 - 1)])
def test_numbers(server: Server, number: str, count: int) -> None:
    group_id = server.create()
    assert server.call('POST', f'/test-groups/{group_id}/{number}').status_code == 200
    assert server.read(group_id)['test_runs'][0]['run_count'] == count


@pytest.mark.parametrize(
    ('method', 'path', 'body', 'status', 'said'),
    [
        ('POST', '/test-groups/create', '{"run_count": -1}', 400, 'run_count: expected int >= 0, got -1'),
        ('POST', '/test-groups/create', '{"concurrency": "5"}', 400, "concurrency: expected int, got '5'"),
        ('POST', '/test-groups/create', '{"run_cont": 5}', 400, "run_cont: there is no such field, did you mean 'run"),
        ('POST', '/test-groups/create', '{"upstream_endpoint": "x"}', 400, "upstream_endpoint: 'x' is not a URL"),
        ('POST', '/test-groups/create', '{"run_count": 3', 400, 'expected a JSON object: Input data was truncated'),
        ('POST', '/test-groups/create', '[]', 400, 'expected a JSON object, such as {"run_count": 1000, "conc'),
        ('POST', '/test-groups/create', '', 400, 'expected a JSON object: Input data was truncated'),
        ('POST', '/test-groups/create', b'\xff{}', 400, 'expected a JSON object: '),
        ('POST', '/test-groups/create', b'[' * MAX_OBJECT, 400, 'nested too deeply'),
        ('POST', '/test-groups/create', bytes(MAX_OBJECT + 1), 413, '413 Content Too Large: more than 65536 bytes'),
        ('POST', '/test-groups/x/one', 'hello', 400, "'one' is not the number of a run"),
        ('POST', '/test-groups/x/-1', 'hello', 400, "'-1' is not the number of a run"),
        ('POST', '/test-groups/x/1_0', 'hello', 400, "'1_0' is not the number of a run"),
        (
            'POST',
            '/test-groups/x/1000000000000000000',
            'hello',
            400,
            "'1000000000000000000' is not the number of a run",
        ),
        ('POST', '/test-groups/x/1', bytes(MAX_DATA + 1), 413, '413 Content Too Large: more than 1048576 bytes'),
        ('GET', '/', None, 404, 'there are /test-groups, /test-groups/create, /test-groups/ID/N'),
        ('PUT', '/test-groups', 'x', 405, 'not allowed here, see the header Allow'),
        ('GET', '/test-groups/x/1', None, 405, 'not allowed here, see the header Allow'),
        ('BREW', '/test-groups', None, 400, 'there is no such method'),
    ],
)
def test_error_responses(
    server: Server, method: str, path: str, body: bytes | str | None, status: int, said: str
) -> None:
    answer = server.call(method, path, body)
    assert answer.status_code == status
    assert answer.headers['Content-Type'] == 'text/plain; charset=utf-8'
    assert answer.text.startswith(said)
    assert answer.text.count('\n') == 1


def test_bytes_that_are_no_http(server: Server) -> None:
    with Peer.connect(server.port) as peer:
        peer.send(b'\x16\x03\x01\x02\x00\r\n\r\n')
        head, _, body = peer.recv_all().partition(b'\r\n\r\n')
    assert head.startswith(b'HTTP/1.1 400 ')
    assert body == b'malformed HTTP\n'


def test_a_run_that_is_cut_off_is_none(server: Server) -> None:
    group_id = server.create()
    with Peer.connect(server.port) as peer:
        peer.send(
            b'POST /test-groups/%s/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhel' % group_id.encode()
        )
        peer.shut_down()
        assert peer.recv_all().endswith(b'the body did not arrive whole\n')
    assert server.read(group_id)['test_runs'] is None


@pytest.mark.parametrize(
    ('headers', 'status'),
    [
        ({'Origin': 'http://evil.example'}, 403),
        ({'Sec-Fetch-Site': 'cross-site'}, 403),
        ({'Host': 'evil.example'}, 403),
        ({'Host': 'localhost'}, 200),
    ],
)
def test_web_pages_do_not_use_it(server: Server, headers: dict[str, str], status: int) -> None:
    answer = server.call('POST', '/test-groups/create', '{}', **headers)
    assert answer.status_code == status
    assert status == 200 or next(iter(headers)) in answer.text


def test_a_delay_holds_back_the_reply_alone(server: Server) -> None:
    group_id = server.create(server_delay_ns=300_000_000)
    answer = server.call('POST', f'/test-groups/{group_id}/1')
    assert answer.elapsed.total_seconds() >= 0.3
    (test_run,) = server.read(group_id)['test_runs']
    assert parse_timestamp(test_run['server_end']) - parse_timestamp(test_run['server_start']) < 300_000_000


class TestFull:
    """A full server responds with 507, until a group is deleted."""

    def test_of_groups(self, start_server: StartServer) -> None:
        server = start_server('--max-groups', '2')
        ids = [server.create(), server.create()]
        answer = server.call('POST', '/test-groups/create', '{}')
        assert answer.status_code == 507
        assert answer.text == (
            'this server keeps no more than 2 test groups: delete a group, or start the server with a higher limit\n'
        )
        server.call('DELETE', f'/test-groups/{ids[0]}')
        server.create()

    def test_of_runs(self, start_server: StartServer) -> None:
        server = start_server('--max-memory', '1')
        full, other = server.create(), server.create()
        data = bytes(100_000)
        statuses = [server.call('POST', f'/test-groups/{full}/{number}', data).status_code for number in range(1, 10)]
        assert statuses == [200] * 7 + [507] * 2
        answer = server.call('POST', f'/test-groups/{other}/1', data)
        assert answer.status_code == 507
        assert answer.text.startswith('this server keeps no more than 1 MiB of runs: delete a group')
        assert len(server.read(full)['test_runs']) == 7
        server.call('DELETE', f'/test-groups/{full}')
        assert server.call('POST', f'/test-groups/{other}/1', data).status_code == 200


def test_a_run_that_fails_takes_no_room() -> None:
    class Broken(Upstream):
        def fetch(self, url: str, timeout_ns: int) -> Fetched:
            raise ZeroDivisionError

    store = Store(1, 1 << 20)
    group = store.create(Plan(upstream_endpoint='http://localhost/'))
    client = TestClient(make_app(Responders(store, lambda _: None, Broken(1)), Guard('', '0.0.0.0')))
    assert client.simulate_post(f'/test-groups/{group.id}/1', body='x' * 1000).status_code == 500
    assert (store.cost, group.count) == (GROUP_COST + 2 * len('http://localhost/'), 0)
