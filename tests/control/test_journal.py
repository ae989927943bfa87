"""``GET /journal``: the last exchanges, one page after the other, or every new one in a line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
import requests
from gevent import Timeout, socket as green
from gevent.pool import Pool

from tests.commands import Command
from tests.control.api import Api
from tests.journal.entries import make_entry
from tests.loop import in_loop
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT
from vaurien.address import Address
from vaurien.client import Client
from vaurien.control import journal
from vaurien.control.journal import JournalQuery, follow, read_query
from vaurien.control.server import ControlServer
from vaurien.engine.proxies import Proxies
from vaurien.errors import ControlError, ParameterError
from vaurien.journal.kept import KeptEntries
from vaurien.journal.lines import Notice, decode, encode
from vaurien.records.page import KEPT
from vaurien.web import wsgi_handler


@pytest.fixture(scope='module')
def command(echo_server: RawBackend) -> Iterator[Command]:
    command = Command('--backend', echo_server.address, '--http', '--journal', '/dev/null')
    yield command
    command.kill()


@pytest.fixture
def api(command: Command) -> Iterator[Api]:
    api = Api(command.api)
    with api.session:
        yield api


def exchange(command: Command, *sizes: int) -> list[str]:
    """Have so many bytes echoed, one after the other; the texts of these requests."""
    with Peer.connect(command.port) as client:
        for size in sizes:
            client.send(b'x' * size)
            client.recv_exactly(size)
    while Client(HOST, command.control_port).links():
        pass
    return [f'{size} bytes' for size in sizes]


def texts(entries: list[dict[str, Any]]) -> list[str]:
    return [entry['request'] for entry in entries]


class TestPages:
    def test_one_after_the_other(self, command: Command, api: Api) -> None:
        before = api('GET', '/journal?limit=1').json()['last']
        sent = exchange(command, 1, 2, 3)
        first = api('GET', f'/journal?since={before}&limit=2').json()
        assert texts(first['entries']) == sent[:2]
        second = api('GET', f'/journal?since={first["last"]}&limit=2').json()
        assert texts(second['entries']) == sent[2:]
        assert api('GET', f'/journal?since={second["last"]}').json() == {**second, 'entries': []}

    def test_by_proxy(self, command: Command, api: Api) -> None:
        sent = exchange(command, 4, 5)
        assert texts(api('GET', '/proxies/vaurien/journal?limit=2').json()['entries']) == sent
        assert api.refused('GET', '/proxies/other/journal', 404)['location'] == 'path'

    def test_the_client(self, command: Command) -> None:
        client = Client(HOST, command.control_port)
        sent = exchange(command, 6, 7)
        assert [entry.request for entry in client.journal(limit=2)] == sent
        page = client.journal_page(limit=2)
        assert page.entries == client.journal(limit=2)
        assert client.journal_page(page.last).entries == client.proxy('vaurien').journal_page(page.last).entries == []

    @pytest.mark.parametrize(
        ('query', 'name', 'said'),
        [
            ('since=-1', 'since', "expected int >= 0, got '-1'"),
            ('since=x', 'since', "expected int, got 'x'"),
            ('since=1&since=2', 'since', "expected int, got ['1', '2']"),
            ('limit=0', 'limit', "expected int >= 1, got '0'"),
            (f'limit={KEPT + 1}', 'limit', f"expected int <= {KEPT}, got '{KEPT + 1}'"),
            ('follow=often', 'follow', "expected bool, got 'often'"),
            ('sicne=1', 'sicne', "there is no such parameter, did you mean 'since'?"),
        ],
    )
    def test_mistakes(self, api: Api, query: str, name: str, said: str) -> None:
        error = api.refused('GET', f'/journal?{query}', 400)
        assert (error['location'], error['name']) == ('query', name)
        assert error['description'].replace('`', '') == said


class TestFollowing:
    @pytest.mark.parametrize('query', ['follow', 'follow=true', 'follow=1', 'follow=yes'])
    def test_how_it_is_asked_for(self, query: str) -> None:
        name, _, value = query.partition('=')
        assert read_query({name: value}) == JournalQuery(follow=True)

    def test_every_new_exchange_is_a_line(self, command: Command) -> None:
        sent = exchange(command, 8)
        with requests.get(f'{command.api}/journal?follow&limit=1', stream=True, timeout=TIMEOUT) as response:
            assert response.headers['Content-Type'] == 'application/x-ndjson'
            lines = response.iter_lines()
            assert json.loads(next(lines))['request'] == sent[0]
            for size in (9, 10):
                sent = exchange(command, size)
                assert json.loads(next(lines))['request'] == sent[0]

    def test_who_is_too_slow_hears_of_it(self) -> None:
        def read() -> list[object]:
            kept = KeptEntries()
            kept.add(make_entry(nth=1))
            lines = follow(kept, JournalQuery(), '')
            said = [*map(decode, next(lines).splitlines())]
            for nth in range(2, KEPT + 7):
                kept.add(make_entry(nth=nth))
            said += map(decode, next(lines).splitlines()[:2])
            return [line.notice if isinstance(line, Notice) else line for line in said]

        first, notice, second = in_loop(read)
        assert first == make_entry(nth=1)
        assert notice == '5 exchanges before this line are no longer kept'
        assert second == make_entry(nth=7)

    def test_who_asks_for_what_is_too_old_hears_of_it(self) -> None:
        def read() -> list[object]:
            kept = KeptEntries()
            for nth in range(1, KEPT + 7):
                kept.add(make_entry(nth=nth))
            return [*map(decode, next(follow(kept, JournalQuery(since=1), '')).splitlines()[:2])]

        notice, second = in_loop(read)
        assert notice == Notice('5 exchanges before this line are no longer kept')
        assert second == make_entry(nth=7)

    def test_silence_is_interrupted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By an empty line, also at the beginning: the head of the answer goes on with it."""
        monkeypatch.setattr(journal, 'HEARTBEAT', 0.001)

        def read() -> list[bytes]:
            lines = follow(KeptEntries(), JournalQuery(), '')
            return [next(lines), next(lines)]

        assert in_loop(read) == [b'\n', b'\n']

    def test_who_reads_nothing_is_given_up(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(wsgi_handler, 'CLIENT_TIMEOUT', 0.05)

        def keep_until_it_has_gone() -> None:
            kept, many = KeptEntries(), [make_entry(request='x' * 2000)] * 100
            server = ControlServer(Proxies(()), Address(HOST, 0), kept=kept)
            server.start()
            with green.create_connection(tuple(server.address), TIMEOUT) as client, Timeout(TIMEOUT):
                client.sendall(b'GET /journal?follow HTTP/1.1\r\nHost: localhost\r\n\r\n')
                clients = server._servers[0].pool
                while not clients:
                    gevent.sleep(0.001)
                while clients:
                    for entry in many:
                        kept.add(entry)
                    gevent.sleep(0.001)
            server.stop()

        with caplog.at_level(logging.INFO):
            in_loop(keep_until_it_has_gone)
        assert caplog.messages == []

    def test_of_one_proxy_only(self) -> None:
        def read() -> list[bytes]:
            kept = KeptEntries()
            lines, pool = follow(kept, JournalQuery(), 'redis'), Pool()
            said = [next(lines)]
            waiting = pool.spawn(next, lines)
            gevent.sleep(0)
            kept.add(make_entry(proxy='http'))
            gevent.sleep(0)
            kept.add(make_entry(proxy='redis'))
            return [*said, waiting.get(timeout=TIMEOUT)]

        assert in_loop(read) == [b'\n', encode(make_entry(proxy='redis'))]


def test_without_a_journal(server: Command) -> None:
    with pytest.raises(ControlError, match=r'^/journal: no journal is kept: start with --journal FILE$') as caught:
        Client(HOST, server.control_port).journal()
    assert caught.value.status == 404


def test_a_parameter_that_is_none() -> None:
    with pytest.raises(ParameterError):
        read_query({'last': '1'})
