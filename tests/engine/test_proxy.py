"""A proxy as a whole: what it counts, what chance does, when links end."""

from __future__ import annotations

import logging
import socket
import threading
from random import Random
from typing import Any

import pytest

from tests.behaviors.waiting import eventually
from tests.commands import StartCommand
from tests.engine import talk
from tests.engine.talk import (
    LANGUAGES,
    MB,
    Language,
    connect,
    end_time,
    every_language,
    inside,
    join,
    make_proxy,
    only_link,
)
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT, Server
from vaurien.embedded import Proxy
from vaurien.engine.proxy import ProxyServer
from vaurien.rules.behaviors import make_rules

HTTP = LANGUAGES['http']
#: Seconds after which an idle link is closed; whatever a test does before must not take as long.
IDLE = 0.3


class TestStatus:
    def test_what_it_tells(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, 'redis', '20:error,10:delay', seed=7, max_links=3) as proxy:
            status = proxy.status()
            assert status['proxy'] == str(proxy.address)
            assert status['backend'] == raw_backend.address
            assert status['behavior'] == '20:error,10:delay'
            assert status['seed'] == 7
            assert status['settings'] == {
                'timeout': 30.0,
                'idle_timeout': None,
                'keepalive': 15,
                'backlog': 65535,
                'max_links': 3,
            }
            assert status['links'] == {'open': 0, 'total': 0}
            assert status['bytes'] == {'upstream': 0, 'downstream': 0}
            assert (status['exchanges'], status['faults']) == (0, {})

    @every_language
    @pytest.mark.parametrize('behavior', ['dummy', 'delay'])
    def test_what_it_counts(self, raw_backend: RawBackend, language: Language, behavior: str) -> None:
        with make_proxy(raw_backend, language.protocol, behavior, options={'delay': {'sleep': 0}}) as proxy:
            for links in (1, 2):
                client, backend = join(proxy, raw_backend)
                for _ in range(3):
                    client.send(language.request)
                    assert backend.recv_exactly(len(language.request)) == language.request
                    backend.send(language.reply)
                    assert client.recv_exactly(len(language.reply)) == language.reply
                for still_open in (1, 0):
                    status = proxy.status()
                    assert status['links'] == {'open': still_open, 'total': links}
                    assert status['exchanges'] == 3 * links
                    assert status['bytes']['upstream'] == 3 * links * len(language.request)
                    assert status['bytes']['downstream'] == 3 * links * len(language.reply)
                    assert status['faults'].get('delay', 0) == (3 * links if behavior == 'delay' else 0)
                    client.close()
                    backend.close()
                    eventually(lambda: proxy.status()['links']['open'] == 0)


class TestSeed:
    """The k-th exchange of the n-th link."""

    SPEC = '30:error,20:delay'
    LINKS, EXCHANGES = 4, 40

    def outcomes(self, port: int, order: list[int], *, pipelined: bool) -> list[list[bytes]]:
        """What every exchange of every link got, the links taking turns in some order."""
        clients = []
        for _ in range(self.LINKS):
            clients.append(Peer.connect(port))
            clients[-1].send(b'*1\r\n$4\r\nPING\r\n')
        got: list[list[bytes]] = [[client.recv_until(b'\r\n')] for client in clients]
        turns = sorted(range(self.LINKS), key=order.__getitem__)
        step = self.EXCHANGES if pipelined else 1
        for _ in range(self.EXCHANGES // step):
            for number in turns:
                clients[number].send(b'*1\r\n$4\r\nPING\r\n' * step)
            for number in reversed(turns):
                got[number] += [clients[number].recv_until(b'\r\n') for _ in range(step)]
        for client in clients:
            client.close()
        return got

    def test_it_repeats_all(self, vaurien_command: StartCommand, redis_server: Server) -> None:
        """In another process, with other links between, at another pace."""
        command = vaurien_command(
            *('--backend', redis_server.address, '--protocol', 'redis', '--log-level', 'warning'),
            *('--behavior', self.SPEC, '--seed', '11', '--behavior-delay-sleep', '0.001'),
        )
        first = self.outcomes(command.port, [0, 1, 2, 3], pipelined=False)
        options = {'delay': {'sleep': 0.0}}
        with make_proxy(redis_server.address, 'redis', self.SPEC, seed=11, options=options) as proxy:
            second = self.outcomes(proxy.address.port, [2, 0, 3, 1], pipelined=True)
        assert first == second
        assert len({tuple(outcome) for outcome in first}) == self.LINKS, 'links differ'
        assert 0 < sum(reply != b'+PONG\r\n' for outcome in first for reply in outcome) < 160

    def test_so_does_what_is_left_to_chance_in_a_fault(self, raw_backend: RawBackend) -> None:
        noises: list[list[bytes]] = []
        for _ in range(2):
            with make_proxy(raw_backend, 'tcp', 'error', seed=5) as proxy:
                client = connect(proxy)
                noises.append([])
                for _ in range(6):
                    client.send(b'ping')
                    noises[-1].append(client.recv_exactly(1000))
        assert noises[0] == noises[1]
        assert len({*noises[0]}) == 6

    def test_another_seed_is_another_story(self, redis_server: Server) -> None:
        stories = []
        for seed in (1, 2):
            with make_proxy(redis_server.address, 'redis', '50:error', seed=seed) as proxy:
                stories.append(self.outcomes(proxy.address.port, [0, 1, 2, 3], pipelined=True))
        assert stories[0] != stories[1]

    def test_armed_later_it_draws_the_same(self, raw_backend: RawBackend) -> None:
        """The number of an exchange counts those before anything was armed, in opaque bytes, too."""
        stories = []
        for armed_after in (0, 10):
            with make_proxy(raw_backend, 'tcp', seed=3) as proxy:
                client, backend = join(proxy, raw_backend)
                story = []
                for number in range(40):
                    if number == armed_after:
                        proxy.set_behavior('50:error')
                    client.send(b'ping')
                    story.append(self.is_error(client, backend))
                stories.append(story[10:])
        assert stories[0] == stories[1]
        assert {*stories[0]} == {True, False}

    def is_error(self, client: Peer, backend: Peer) -> bool:
        """Whether the proxy answers; else the backend does."""
        backend.sock.setblocking(False)
        for _ in range(int(TIMEOUT * 1000)):
            try:
                assert backend.recv(4) == b'ping'
            except BlockingIOError:
                if not client.is_silent(0.001):
                    assert len(client.recv_exactly(1000)) == 1000
                    return True
            else:
                backend.send(b'pong')
                assert client.recv_exactly(4) == b'pong'
                return False
        raise TimeoutError


def join_narrow(proxy: Proxy, backend: RawBackend) -> tuple[Peer, Peer]:
    """As `join`; and the client's kernel takes few bytes before the client reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(tuple(proxy.address))
    client = Peer(sock)
    talk.clients.append(client)
    return client, backend.accept()


def outlast_idle_link(proxy: Proxy, backend: RawBackend) -> None:
    """Return when a link on which nothing moves was closed: every older one was looked at twice since."""
    client, _ = join(proxy, backend)
    assert client.recv() == b''


class TestEnds:
    """When the proxy closes links by itself."""

    def test_idle_links(self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO), make_proxy(raw_backend, idle_timeout=IDLE) as proxy:
            idle, _ = join(proxy, raw_backend)
            busy, backend = join(proxy, raw_backend)
            done = threading.Event()

            def talk() -> None:
                while not done.wait(0.02):
                    busy.send(b'ping')
                    backend.recv_exactly(4)

            talking = threading.Thread(target=talk)
            talking.start()
            assert idle.recv() == b''
            assert proxy.status()['links']['open'] == 1
            done.set()
            talking.join()
            assert busy.recv() == b''
        messages = [record.getMessage() for record in caplog.records if 'nothing moved' in record.message]
        assert messages == [f'link {number}: nothing moved for {IDLE} s, closed' for number in (1, 2)]

    def test_a_transfer_that_is_spliced_is_not_idle(self, raw_backend: RawBackend) -> None:
        with make_proxy(raw_backend, idle_timeout=IDLE) as proxy:
            client, backend = join(proxy, raw_backend)
            data = bytes(40 * MB)
            threading.Thread(target=backend.send, args=(data,), daemon=True).start()
            got = 0
            ticking = threading.Event()
            while got < len(data):
                got += len(client.recv_exactly(2 * MB))
                ticking.wait(0.03)

    @pytest.mark.parametrize('size', [20 * MB, 60_000], ids=['unsent', 'unsent-in-the-kernel'])
    def test_a_link_whose_reader_is_slow_is_not_idle(self, raw_backend: RawBackend, size: int) -> None:
        with make_proxy(raw_backend, idle_timeout=IDLE) as proxy:
            client, backend = join_narrow(proxy, raw_backend)
            sender = threading.Thread(target=backend.send, args=(bytes(size),))
            sender.start()
            eventually(lambda: inside(proxy, lambda server: only_link(server).down.is_under_way))
            for _ in range(3):
                outlast_idle_link(proxy, raw_backend)
                assert len(client.recv_exactly(8000)) == 8000
            assert len(client.recv_exactly(size - 3 * 8000)) == size - 3 * 8000
            sender.join()
            assert client.recv() == b'', 'now it is idle'

    @pytest.mark.parametrize('behavior', ['delay', 'hang'])
    @pytest.mark.parametrize('protocol', ['tcp', 'http'])
    def test_a_link_whose_exchange_a_behavior_holds_is_not_idle(
        self, raw_backend: RawBackend, protocol: str, behavior: str
    ) -> None:
        language = LANGUAGES[protocol]
        options = {'delay': {'sleep': TIMEOUT}}
        with make_proxy(raw_backend, protocol, behavior, options=options, idle_timeout=IDLE) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(language.request)
            outlast_idle_link(proxy, raw_backend)
            assert client.is_silent(0.01)
            if behavior == 'delay':
                proxy.set_behavior('dummy')
                assert backend.recv_exactly(len(language.request)) == language.request
                backend.send(language.reply)
                assert client.recv_exactly(len(language.reply)) == language.reply

    @pytest.mark.parametrize(
        ('toxic', 'attributes'),
        [('latency', {'latency': 60_000}), ('bandwidth', {'rate': 0}), ('reset_peer', {'timeout': 60_000})],
    )
    def test_a_link_whose_bytes_a_toxic_holds_is_not_idle(
        self, raw_backend: RawBackend, toxic: str, attributes: dict[str, Any]
    ) -> None:
        with make_proxy(raw_backend, idle_timeout=IDLE) as proxy:
            client, backend = join(proxy, raw_backend)
            proxy.add_toxic(toxic, **attributes)
            backend.send(b'pong')
            eventually(lambda: proxy.status()['bytes']['downstream'] == 4)
            outlast_idle_link(proxy, raw_backend)
            assert client.is_silent(0.01)

    @pytest.mark.parametrize('protocol', ['http', 'redis'])
    def test_a_reply_in_the_making_is_finished(
        self, vaurien_command: StartCommand, raw_backend: RawBackend, protocol: str
    ) -> None:
        """All the proxy has received of it, too, though the client reads slowly; and idle links are closed at once."""
        language = LANGUAGES[protocol]
        command = vaurien_command('--backend', raw_backend.address, '--protocol', protocol)
        idle = Peer.connect(command.port)
        with idle, Peer.connect(command.port) as client:
            raw_backend.accept()
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
            client.send(language.request)
            backend = raw_backend.accept()
            backend.recv_exactly(5)
            reply = b''.join(language.download(3 * MB))
            sender = threading.Thread(target=backend.send, args=(reply,))
            sender.start()
            got = client.recv_exactly(1000)
            command.process.terminate()
            assert idle.recv() == b''
            assert got + client.recv_exactly(len(reply) - 1000) == reply
            sender.join()
            assert client.recv() == b''
        assert command.wait()[0] == 0

    def test_a_reply_that_is_held_is_finished(self, vaurien_command: StartCommand, raw_backend: RawBackend) -> None:
        """Though of opaque bytes, where the last word seems to be said."""
        flags = '--behavior', 'delay', '--behavior-delay-before', 'false', '--behavior-delay-sleep', '0.2'
        command = vaurien_command('--backend', raw_backend.address, *flags)
        with Peer.connect(command.port) as client:
            client.send(b'ping')
            backend = raw_backend.accept()
            assert backend.recv_exactly(4) == b'ping'
            backend.send(b'pong')
            command.process.terminate()
            assert client.recv_all() == b'pong'
        assert command.wait()[0] == 0

    def test_what_hangs_is_ended_after_the_grace(self, vaurien_command: StartCommand, raw_backend: RawBackend) -> None:
        command = vaurien_command('--backend', raw_backend.address, '--protocol', 'http', '--behavior', 'hang')
        with Peer.connect(command.port) as client:
            client.send(HTTP.request)
            command.wait_for_log('link 1 exchange 1: hang on GET /')
            code, out, _ = command.stop()
            assert code == 0
            assert client.recv() == b''
        assert out.endswith('faults: 1 hang')


class TestUnsent:
    """Shutting down in the last moment of a reply."""

    def test_what_the_client_has_not_taken_yet(self, raw_backend: RawBackend) -> None:
        proxy = Proxy(raw_backend.address, 'redis').start()
        client, backend = join(proxy, raw_backend)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)

        def shrink(server: ProxyServer) -> None:
            only_link(server).client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)

        inside(proxy, shrink)
        client.send(LANGUAGES['redis'].request)
        backend.recv_exactly(len(LANGUAGES['redis'].request))
        reply = b'$200000\r\n' + Random(4).randbytes(200_000) + b'\r\n'
        backend.send(reply)
        eventually(lambda: inside(proxy, lambda server: only_link(server).down.unsent is not None))
        assert inside(proxy, lambda server: only_link(server).has_open_exchange())
        assert client.recv_exactly(len(reply)) == reply
        eventually(lambda: not inside(proxy, lambda server: only_link(server).has_open_exchange()))
        proxy.stop()


#: Conversations after which nobody between client and backend can read the messages: the protocol, what the client
#: sends and the backend answers, why it is so, and what the warning advises.
UNREADABLE = {
    'TLS': ('redis', [(b'\x16\x03\x01\x00\x02hi', b'')], 'TLS', '--tls auto'),
    'STARTTLS': ('smtp', [(b'', b'220 hello\r\n'), (b'STARTTLS\r\n', b'220 go\r\n')], 'STARTTLS', '--tls auto'),
    'SSL': ('mysql', [(b'\x20\0\0\1\0\x8a\0\0' + bytes(28), b'')], 'TLS', 'ssl_disabled=True'),
    'SSLRequest': ('postgres', [(b'\0\0\0\x08\x04\xd2\x16\x2f', b'S')], 'TLS', 'sslmode=disable'),
    'GSSENCRequest': ('postgres', [(b'\0\0\0\x08\x04\xd2\x16\x30', b'G')], 'GSSAPI', 'gssencmode=disable'),
}


class TestWhatRulesSee:
    """How many exchanges there were since rules were armed, how many have matched, and what is said if none has."""

    def counts(self, proxy: Proxy) -> list[tuple[int, int, int]]:
        return [(rule['seen'], rule['matched'], rule['hits']) for rule in proxy.status()['behaviors']]

    def ask(self, peers: tuple[Peer, Peer], *requests: bytes) -> None:
        """Let the backend answer each request with PONG."""
        client, backend = peers
        for request in requests:
            client.send(request)
            backend.recv_exactly(len(request))
            backend.send(b'+PONG\r\n')
            client.recv_exactly(7)

    def test_requests_that_match(self, raw_backend: RawBackend) -> None:
        """The link remembers requests that match nothing: they are counted each time all the same."""
        with Proxy(raw_backend.address, 'redis') as proxy:
            peers = join(proxy, raw_backend)
            self.ask(peers, b'PING\r\n', b'SET a 1\r\n')
            proxy.set_behavior("delay(match='SET *', sleep=0),delay(match='SET b', nth=2, sleep=0)")
            self.ask(peers, *[b'PING\r\n'] * 5)
            assert self.counts(proxy) == [(5, 0, 0), (5, 0, 0)]
            self.ask(peers, b'SET a 1\r\n', b'PING\r\n', b'SET b 1\r\n')
            self.ask(join(proxy, raw_backend), b'SET b 1\r\n', b'PING\r\n')
            assert self.counts(proxy) == [(10, 3, 3), (10, 2, 0)]

    @every_language
    def test_every_exchange_matches_a_rule_without_limits(self, raw_backend: RawBackend, language: Language) -> None:
        with make_proxy(raw_backend, language.protocol) as proxy:

            def ask(client: Peer, backend: Peer) -> None:
                for _ in range(20):
                    client.send(language.request)
                    backend.recv_exactly(len(language.request))
                    backend.send(language.reply)
                    client.recv_exactly(len(language.reply))

            old = join(proxy, raw_backend)
            ask(*old)
            assert self.counts(proxy) == [(0, 0, 0)], 'nothing is armed'
            proxy.set_behavior('0.0001:hang')
            ask(*old)
            new = join(proxy, raw_backend)
            ask(*new)
            assert self.counts(proxy) == [(40, 40, 0)]
            for peer in (*old, *new):
                peer.close()
            eventually(lambda: not proxy.links())
            assert self.counts(proxy) == [(40, 40, 0)]
            proxy.set_behavior('0.0001:hang')
            assert self.counts(proxy) == [(0, 0, 0)]
            ask(*join(proxy, raw_backend))
            assert self.counts(proxy) == [(20, 20, 0)]

    def test_nothing_that_matches_is_a_warning(self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
        with Proxy(raw_backend.address, 'redis', behavior="50:error(match='SETT *')") as proxy:
            peers = join(proxy, raw_backend)
            with proxy.with_behavior("error(match='SET b'),delay(match='PING', sleep=0),delay(match='GET *', sleep=0)"):
                assert not caplog.messages, 'there were no requests yet'
                self.ask(peers, b'PING\r\n')
            assert caplog.messages == [
                "error(match='SET b'): matched 0 of 1 exchanges, applied to 0",
                "delay(sleep=0.0, match='GET *'): matched 0 of 1 exchanges, applied to 0",
            ]
            self.ask(peers, b'PING\r\n', b'PING\r\n')
            caplog.clear()
            with pytest.raises(TimeoutError) as caught:
                proxy.wait_for_fault(0.01)
            report = "50:error(match='SETT *'): matched 0 of 2 exchanges, applied to 0"
            assert str(caught.value) == f'no fault within 0.01 s; {report}'
        assert caplog.messages == [report]

    def test_though_the_time_of_others_ends_while_they_are_armed(
        self, raw_backend: RawBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With many links, arming takes turns, and anything may happen in between."""
        with Proxy(raw_backend.address, 'redis') as proxy:
            for peers in (join(proxy, raw_backend), join(proxy, raw_backend)):
                self.ask(peers, *[b'PING\r\n'] * 5)

            def arm(server: ProxyServer) -> None:
                def pause() -> None:
                    monkeypatch.undo()
                    server._end_rules()

                monkeypatch.setattr(server.runtime.turns, 'begin', lambda: pause)
                server.arm(make_rules('delay(sleep=0)'))

            inside(proxy, arm)
            assert self.counts(proxy) == [(0, 0, 0)]
            self.ask(join(proxy, raw_backend), b'PING\r\n')
            assert self.counts(proxy) == [(1, 1, 1)]

    def test_of_one_whose_time_is_over_without_a_match(
        self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture
    ) -> None:
        with Proxy(raw_backend.address, 'redis', behavior="error(match='SETT *', for=5ms)") as proxy:
            eventually(lambda: proxy.status()['behavior'] == 'dummy')
            assert not caplog.messages, 'there were no requests'
            peers = join(proxy, raw_backend)
            proxy.set_behavior("error(match='SETT *', for=1h)")
            self.ask(peers, b'PING\r\n')
            end_time(proxy)
        report = "error(match='SETT *', for=3600.0): matched 0 of 1 exchanges, applied to 0"
        assert caplog.messages == [f'its time is over: {report}']


class TestUnreadable:
    """Links on which rules cannot see the requests."""

    def warnings(self, caplog: pytest.LogCaptureFixture) -> list[str]:
        return [message for message in caplog.messages if 'on links with' in message]

    def become(self, proxy: Proxy, backend: RawBackend, conversation: list[tuple[bytes, bytes]]) -> Peer:
        """Return a client whose link nobody can read any more."""
        client, peer = join(proxy, backend)
        for request, reply in [*conversation, (b'\x16\x03\x01secret', b'secret')]:
            client.send(request)
            assert peer.recv_exactly(len(request)) == request
            peer.send(reply)
            assert client.recv_exactly(len(reply)) == reply
        return client

    @pytest.mark.parametrize('name', UNREADABLE)
    @pytest.mark.parametrize('is_armed', [True, False])
    def test_are_a_warning_once_rules_are_armed(
        self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture, name: str, is_armed: bool
    ) -> None:
        protocol, conversation, reason, advice = UNREADABLE[name]
        rule = "error(match='nothing of that')"
        with Proxy(raw_backend.address, protocol, behavior=rule if is_armed else 'dummy') as proxy:
            self.become(proxy, raw_backend, conversation)
            self.become(proxy, raw_backend, conversation)
            assert len(self.warnings(caplog)) == is_armed
            proxy.set_behavior(rule)
            proxy.set_behavior('hang', match='nothing of that')
            self.become(proxy, raw_backend, conversation)
        (message,) = self.warnings(caplog)
        assert message.startswith(f'on links with {reason}, rules see opaque bytes')
        assert advice in message

    def test_are_a_warning_for_each_reason(self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
        with Proxy(raw_backend.address, 'smtp') as proxy:
            for name in ('TLS', 'STARTTLS'):
                self.become(proxy, raw_backend, UNREADABLE[name][1])
            proxy.set_behavior('error', match='QUIT')
        assert [message.split(',')[0] for message in self.warnings(caplog)] == [
            'on links with TLS',
            'on links with STARTTLS',
        ]

    def test_are_none_if_they_have_closed(self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture) -> None:
        with Proxy(raw_backend.address, 'redis') as proxy:
            self.become(proxy, raw_backend, UNREADABLE['TLS'][1])
            proxy.cut_link(1)
            proxy.set_behavior('error', match='PING')
        assert not self.warnings(caplog)

    def test_are_none_if_the_messages_have_ended(
        self, raw_backend: RawBackend, caplog: pytest.LogCaptureFixture
    ) -> None:
        with Proxy(raw_backend.address, 'redis', behavior="error(match='PING')") as proxy:
            self.become(proxy, raw_backend, [(b'MONITOR\r\n', b'+OK\r\n')])
        assert not self.warnings(caplog)
