"""The ends of a link, in the hands of somebody's behavior."""

from __future__ import annotations

import logging
import socket
import threading
from typing import Any

import pytest

from tests.behaviors.waiting import eventually
from tests.engine.acting import Act, nothing, until
from tests.engine.talk import LANGUAGES, Language, connect, every_language, join, make_proxy
from tests.peers import RawBackend
from tests.servers import TIMEOUT
from vaurien.plugins.end import End
from vaurien.protocols.base import BaseProtocol

REDIS = LANGUAGES['redis']


@every_language
class TestSteps:
    """When each step comes."""

    def test_before_nothing_has_gone_on(self, raw_backend: RawBackend, act: Act, language: Language) -> None:
        may_go = threading.Event()

        act(until(may_go))
        with make_proxy(raw_backend, language.protocol, 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(language.request)
            assert backend.is_silent(0.05)
            may_go.set()
            assert backend.recv_exactly(len(language.request)) == language.request
            backend.send(language.reply)
            assert client.recv_exactly(len(language.reply)) == language.reply

    def test_between_the_reply_is_held(self, raw_backend: RawBackend, act: Act, language: Language) -> None:
        may_go = threading.Event()

        act(None, until(may_go))
        with make_proxy(raw_backend, language.protocol, 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(language.request)
            assert backend.recv_exactly(len(language.request)) == language.request
            backend.send(language.reply)
            assert client.is_silent(0.05)
            may_go.set()
            assert client.recv_exactly(len(language.reply)) == language.reply

    def test_after_the_reply_has_gone(self, raw_backend: RawBackend, act: Act, language: Language) -> None:
        act(None, None, lambda protocol, source, dest: source.sendall(b'bye'))
        with make_proxy(raw_backend, language.protocol, 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(language.request)
            backend.recv_exactly(len(language.request))
            backend.send(language.reply)
            assert client.recv_exactly(len(language.reply) + 3) == language.reply + b'bye'

    def test_what_was_read_does_not_go_on(self, raw_backend: RawBackend, act: Act, language: Language) -> None:
        def replace(protocol: BaseProtocol, source: End, dest: End) -> bool:
            request = source.recv()
            dest.sendall(request[::-1])
            return False

        outcomes = act(replace)
        with make_proxy(raw_backend, language.protocol, 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(language.request)
            assert backend.recv_exactly(len(language.request)) == language.request[::-1]
        assert outcomes == [False]

    def test_an_own_reply(self, raw_backend: RawBackend, act: Act, language: Language) -> None:
        def answer(protocol: BaseProtocol, source: End, dest: End) -> bool:
            source.skip_message()
            source.sendall(language.reply)
            return False

        act(answer)
        with make_proxy(raw_backend, language.protocol, 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            for _ in range(3):
                client.send(language.request)
                assert client.recv_exactly(len(language.reply)) == language.reply
            client.send(language.request * 3)
            if language.protocol != 'tcp':
                assert client.recv_exactly(3 * len(language.reply)) == 3 * language.reply
            client.shut_down()
            assert backend.recv() == b''

    def test_reading_the_reply_and_answering_with_it_twice(
        self, raw_backend: RawBackend, act: Act, language: Language
    ) -> None:
        def echo(protocol: BaseProtocol, source: End, dest: End) -> None:
            reply = dest.recv()
            source.sendall(reply + reply)

        act(None, echo)
        with make_proxy(raw_backend, language.protocol, 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(language.request)
            backend.recv_exactly(len(language.request))
            backend.send(language.reply)
            assert client.recv_exactly(2 * len(language.reply)) == 2 * language.reply


class TestAfter:
    """When the last step comes, where framing says little."""

    def test_a_greeting_is_all_that_it_waits_for(self, raw_backend: RawBackend, act: Act) -> None:
        outcomes = act(None, None, nothing)
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            backend.send(b'220 ready\r\n')
            assert client.recv_exactly(11) == b'220 ready\r\n'
            eventually(lambda: outcomes == [None])
            client.send(b'QUIT\r\n')
            assert backend.recv_exactly(6) == b'QUIT\r\n'
            backend.send(b'221 bye\r\n')
            assert client.recv_exactly(9) == b'221 bye\r\n'
            eventually(lambda: outcomes == [None, None])
            assert proxy.status()['faults'] == {'mine': 2}

    def test_bytes_that_do_not_parse_behind_the_request_go_on(self, raw_backend: RawBackend, act: Act) -> None:
        """Once it was taken: nothing is lost."""
        outcomes = act(None, None, nothing)
        http = LANGUAGES['http']
        with make_proxy(raw_backend, 'http', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            noise = b'\x16\x03\x01\r\n\r\n'
            client.send(http.request + noise)
            assert backend.recv_exactly(len(http.request)) == http.request
            backend.send(http.reply)
            assert client.recv_exactly(len(http.reply)) == http.reply
            assert backend.recv_exactly(len(noise)) == noise
        assert outcomes == [None]


class TestCalls:
    """Each is like that of a blocking socket."""

    def test_recv_of_nothing_takes_nothing(self, raw_backend: RawBackend, act: Act) -> None:
        def read(protocol: BaseProtocol, source: End, dest: End) -> list[bytes]:
            return [source.recv(0), source.recv(2), source.recv(0), source.recv()]

        outcomes = act(read)
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            connect(proxy).send(b'ping')
            eventually(lambda: outcomes == [[b'', b'pi', b'', b'ng']])

    def test_recv_stops_where_the_request_does(self, raw_backend: RawBackend, act: Act) -> None:
        def read(protocol: BaseProtocol, source: End, dest: End) -> list[bytes]:
            return [source.recv(4), source.recv(), source.recv(100)]

        outcomes = act(read)
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            connect(proxy).send(REDIS.request + b'*1\r\n$4\r\nQUIT\r\n')
            eventually(lambda: outcomes)
        assert outcomes[0] == [REDIS.request[:4], REDIS.request[4:], b'*1\r\n$4\r\nQUIT\r\n']

    def test_recv_of_a_reply_ends_with_it(self, raw_backend: RawBackend, act: Act) -> None:
        def read(protocol: BaseProtocol, source: End, dest: End) -> list[bytes]:
            return [dest.recv(3), dest.recv(), dest.recv()]

        outcomes = act(None, read)
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(REDIS.request)
            backend.recv_exactly(len(REDIS.request))
            backend.send(REDIS.reply)
            eventually(lambda: outcomes)
        assert outcomes == [[REDIS.reply[:3], REDIS.reply[3:], b'']]

    def test_recv_into(self, raw_backend: RawBackend, act: Act) -> None:
        buffer = bytearray(10)

        def read(protocol: BaseProtocol, source: End, dest: End) -> list[int]:
            return [source.recv_into(buffer), source.recv_into(memoryview(buffer)[10:], 0), source.recv_into(buffer, 2)]

        outcomes = act(read)
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client = connect(proxy)
            client.send(b'0123456789abcdef')
            eventually(lambda: outcomes)
        assert outcomes[0][0] == 10
        assert outcomes[0][2] == 2
        assert buffer.startswith(b'ab2345')

    def test_a_question_of_the_proxy_s_own(self, raw_backend: RawBackend, act: Act) -> None:
        """The client does not see its reply, but what the backend says without being asked."""

        def ask(protocol: Any, source: End, dest: End) -> bool:
            source.skip_message()
            protocol._outstanding.appendleft(0)  # one reply more, before that to the request
            reply = dest.ask(b'PING\r\n')
            source.sendall(b'+' + reply)
            return False

        outcomes = act(ask)
        with make_proxy(raw_backend, 'redis', 'mine', options={'mine': {'nth': '1'}}) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'GET a\r\nGET b\r\n')
            assert backend.recv_until(b'\n') == b'PING\r\n'
            backend.send(b'>1\r\n+pushed\r\n$4\r\npo')
            assert client.recv_until(b'd\r\n') == b'>1\r\n+pushed\r\n'
            backend.send(b'ng\r\n')
            assert client.recv_until(b'ng\r\n') == b'+$4\r\npong\r\n'
            assert backend.recv_until(b'\n') == b'GET b\r\n'
            backend.send(b'+B\r\n')
            assert client.recv_until(b'\n') == b'+B\r\n'
            assert outcomes == [False]

    def test_a_question_that_is_not_answered(self, raw_backend: RawBackend, act: Act) -> None:
        act(lambda protocol, source, dest: dest.ask(b'PING\r\n'))
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'GET a\r\n')
            assert backend.recv_until(b'\n') == b'PING\r\n'
            backend.close()
            assert client.recv_all() == b''

    def test_the_end_of_the_stream(self, raw_backend: RawBackend, act: Act) -> None:
        outcomes = act(lambda protocol, source, dest: [source.recv(), source.recv(), source.recv()])
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client = connect(proxy)
            client.send(b'ping')
            client.shut_down()
            eventually(lambda: outcomes)
        assert outcomes == [[b'ping', b'', b'']]

    def test_large_writes_wait_for_the_peer(self, raw_backend: RawBackend, act: Act) -> None:
        data = bytes(20_000_000)
        outcomes = act(lambda protocol, source, dest: [source.skip_message(), source.send(data), source.send(b'!')][1:])
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client = connect(proxy)
            client.send(b'ping')
            assert client.recv_exactly(10) == data[:10]
            assert outcomes == []
            assert client.recv_exactly(len(data) - 9) == data[10:] + b'!'
            eventually(lambda: outcomes == [[len(data), 1]])

    def test_time_outs(self, raw_backend: RawBackend, act: Act, caplog: pytest.LogCaptureFixture) -> None:
        def read(protocol: BaseProtocol, source: End, dest: End) -> Any:
            source.settimeout(0.02)
            assert source.gettimeout() == 0.02
            source.recv()
            return source.recv()

        outcomes = act(read)
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client = connect(proxy)
            client.send(b'ping')
            assert client.recv() == b''
        assert isinstance(outcomes[0], TimeoutError)
        assert caplog.records == []

    def test_a_time_out_while_writing(self, raw_backend: RawBackend, act: Act) -> None:
        def write(protocol: BaseProtocol, source: End, dest: End) -> Any:
            source.settimeout(0.02)
            source.sendall(bytes(50_000_000))

        outcomes = act(write)
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            connect(proxy).send(b'ping')
            eventually(lambda: outcomes)
        assert isinstance(outcomes[0], TimeoutError)

    def test_shutting_down(self, raw_backend: RawBackend, act: Act) -> None:
        def end(protocol: BaseProtocol, source: End, dest: End) -> Any:
            source.sendall(b'last words')
            source.shutdown(socket.SHUT_WR)
            source.shutdown(socket.SHUT_WR)
            source.recv()
            got = source.recv()
            source.sendall(b'too late')
            return got

        outcomes = act(end)
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client = connect(proxy)
            client.send(b'ping')
            assert client.recv_all() == b'last words'
            client.send(b'more')
            eventually(lambda: outcomes)
        assert isinstance(outcomes[0], BrokenPipeError)

    def test_shutting_down_while_much_is_unsent(self, raw_backend: RawBackend, act: Act) -> None:
        """All that the backend sent before arrives before the end does."""
        data = bytes(range(256)) * 80_000
        act(lambda protocol, source, dest: source.shutdown(socket.SHUT_WR))
        with make_proxy(raw_backend) as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'more')
            assert backend.recv_exactly(4) == b'more'
            backend.send(data[:1000])
            sender = threading.Thread(target=backend.send, args=(data[1000:],), daemon=True)
            sender.start()
            eventually(lambda: proxy.status()['bytes']['downstream'] > 4_000_000)
            proxy.set_behavior('mine')
            client.send(b'enough')
            eventually(lambda: proxy.status()['faults'] == {'mine': 1})
            got = client.recv_all()
            assert got == data[: len(got)]
            assert len(got) > 4_000_000
            sender.join(TIMEOUT)
            assert not sender.is_alive()
            assert proxy.status()['links']['open'] == 1

    def test_names_of_both_sides(self, raw_backend: RawBackend, act: Act) -> None:
        def look(protocol: BaseProtocol, source: End, dest: End) -> Any:
            assert source.fileno() != dest.fileno()
            return source.getpeername(), source.getsockname(), dest.getpeername()

        outcomes = act(look)
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client = connect(proxy)
            client.send(b'ping')
            eventually(lambda: outcomes)
            mine = client.sock.getsockname(), tuple(proxy.address), (raw_backend.host, raw_backend.port)
        assert outcomes == [mine]

    def test_a_closed_link(self, raw_backend: RawBackend, act: Act) -> None:
        def close(protocol: BaseProtocol, source: End, dest: End) -> Any:
            source.close()
            assert source.fileno() == -1
            errors = []
            for call in (dest.recv, lambda: dest.sendall(b'x'), lambda: source.shutdown(socket.SHUT_WR)):
                try:
                    call()
                except OSError as error:
                    errors.append(error.errno)
            return errors

        outcomes = act(close)
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'ping')
            assert client.recv() == b''
            assert backend.recv() == b''
            eventually(lambda: outcomes)
        assert outcomes == [[9, 9, 9]]


class TestManners:
    """Of behaviors towards others."""

    def test_one_that_sleeps_delays_its_own_exchange_only(self, raw_backend: RawBackend, act: Act) -> None:
        may_go = threading.Event()

        act(until(may_go))
        with make_proxy(raw_backend, 'redis') as proxy:
            other, other_backend = join(proxy, raw_backend)
            with proxy.with_behavior('mine'):
                client, backend = join(proxy, raw_backend)
                client.send(REDIS.request)
                eventually(lambda: proxy.status()['faults'] == {'mine': 1})
                other_backend.send(b'>1\r\n+push\r\n')
                assert other.recv_until(b'push\r\n')
                assert backend.is_silent(0.02)
                may_go.set()
                assert backend.recv_exactly(len(REDIS.request)) == REDIS.request

    def test_opaque_bytes_that_came_meanwhile_go_on_in_their_order(self, raw_backend: RawBackend, act: Act) -> None:
        """They do not wait for a reply that may be none."""
        may_go = threading.Event()
        act(until(may_go), None, nothing)
        with make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(b'1')
            eventually(lambda: proxy.status()['faults'] == {'mine': 1})
            client.send(b'2')
            eventually(lambda: proxy.status()['bytes']['upstream'] == 2)
            may_go.set()
            assert backend.recv_exactly(2) == b'12'
            client.send(b'3')
            assert backend.recv_exactly(1) == b'3'

    def test_one_that_blocks_everybody_is_named_once(
        self, raw_backend: RawBackend, act: Act, caplog: pytest.LogCaptureFixture
    ) -> None:
        def block(protocol: BaseProtocol, source: End, dest: End) -> None:
            threading.Event().wait(0.15)

        act(block)
        with caplog.at_level(logging.WARNING), make_proxy(raw_backend, 'tcp', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            for _ in range(2):
                client.send(b'ping')
                assert backend.recv_exactly(4) == b'ping'
        (warning,) = caplog.records
        assert warning.getMessage().startswith('behavior mine blocked every link for 0.')
        assert 'gevent.sleep' in warning.getMessage()

    def test_one_that_raises_with_half_of_the_request_read(
        self, raw_backend: RawBackend, act: Act, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What is lost is lost: the link is closed."""

        def read_and_fail(protocol: BaseProtocol, source: End, dest: End) -> None:
            source.recv(2)
            raise LookupError('no idea')

        act(read_and_fail)
        with caplog.at_level(logging.WARNING), make_proxy(raw_backend, 'redis', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(REDIS.request)
            assert client.recv() == b''
            assert backend.recv() == b''
        assert [record.getMessage() for record in caplog.records] == ['mine failed: LookupError: no idea']

    @pytest.mark.parametrize('end', ['close', 'reset'])
    def test_the_client_leaves_while_it_waits(self, raw_backend: RawBackend, act: Act, end: str) -> None:
        outcomes = act(lambda protocol, source, dest: [source.recv(), dest.recv()])
        with make_proxy(raw_backend, 'redis', 'mine') as proxy:
            client, backend = join(proxy, raw_backend)
            client.send(REDIS.request)
            eventually(lambda: proxy.status()['faults'] == {'mine': 1})
            getattr(client, end)()
            if end == 'reset':
                with pytest.raises(ConnectionResetError):
                    backend.recv()
            else:
                backend.close()
            eventually(lambda: proxy.status()['links']['open'] == 0)
        assert not any(isinstance(outcome, AssertionError) for outcome in outcomes)
