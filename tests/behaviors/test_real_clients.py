"""The installed command between real clients and real servers."""

from __future__ import annotations

import smtplib
import subprocess
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest
import redis
import requests
from redis.backoff import AbstractBackoff
from redis.retry import Retry

from tests.behaviors.clients import curl, http_session, redis_client
from tests.behaviors.waiting import eventually
from tests.commands import StartCommand
from tests.peers import Peer, RawBackend
from tests.servers import HOST, INDEX, LARGE, TIMEOUT, Server, command_path
from vaurien import Client
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.error import Error
from vaurien.rules.rule import Rule
from vaurien.rules.selector import Selector

#: Seconds; long against what a loopback takes.
LATE = 0.2
#: Seconds that a clock may be off.
CLOCK = 0.002


def draws(spec: list[tuple[float, str]], seed: int, exchanges: int) -> list[str]:
    """What the exchanges of the first link draw; ``dummy`` for what passes."""
    armed = [Rule({'error': Error, 'delay': Delay}[name], percent) for percent, name in spec]
    draw = Selector(armed, seed).draws(1).draw
    return [drawn.name if (drawn := draw(exchange)) else 'dummy' for exchange in range(1, exchanges + 1)]


def benchmark(port: int, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run ``redis-benchmark`` on GET and SET."""
    command = [command_path('redis-benchmark'), '-h', HOST, '-p', str(port), '-t', 'set,get', '-q', *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=4 * TIMEOUT)


class TestShares:
    """A seed says which exchanges are hit, and so does the log."""

    def test_over_requests(self, vaurien_command: StartCommand, nginx: Server) -> None:
        expected = draws([(20, 'error'), (30, 'delay')], seed=11, exchanges=300)
        flags = ['--behavior', '20:error,30:delay', '--behavior-delay-sleep', '0.005', '--seed', '11']
        command = vaurien_command('--backend', nginx.address, '--protocol', 'http', *flags)
        with http_session(command.port) as session:
            met = []
            for number in range(300):
                response = session.get(f'/ok?{number}')
                late = response.elapsed.total_seconds() > 0.005 - CLOCK
                met.append('error' if response.status_code != 200 else 'delay' if late else 'dummy')
        assert [name == 'error' for name in met] == [name == 'error' for name in expected]
        assert all(name == 'delay' for name, drawn in zip(met, expected, strict=True) if drawn == 'delay')
        lines = [
            f'INFO link 1 exchange {number + 1}: {name} on GET /ok?{number}'
            for number, name in enumerate(expected)
            if name != 'dummy'
        ]
        code, out, log = command.stop()
        assert code == 0
        assert [line.split(' ', 2)[2] for line in log.splitlines()] == lines
        assert f'faults: {expected.count("delay")} delay, {expected.count("error")} error' in out
        assert 'links: 1, exchanges: 300' in out

    def test_over_commands(self, vaurien_command: StartCommand, redis_server: Server) -> None:
        expected = draws([(5, 'error'), (10, 'delay')], seed=3, exchanges=400)
        flags = ['--behavior', '5:error,10:delay', '--behavior-delay-sleep', '0.001', '--seed', '3']
        command = vaurien_command('--backend', redis_server.address, '--protocol', 'redis', *flags)
        with Peer.connect(command.port) as client:
            replies = []
            for _ in range(400):
                client.send(b'*1\r\n$4\r\nPING\r\n')
                replies.append(client.recv_until(b'\r\n'))
        assert [b'injected' in reply for reply in replies] == [name == 'error' for name in expected]
        assert {reply for reply in replies if b'injected' not in reply} == {b'+PONG\r\n'}

    def test_in_a_pipeline_as_one_by_one(self, vaurien_command: StartCommand, redis_server: Server) -> None:
        expected = draws([(20, 'error')], seed=5, exchanges=200)
        command = vaurien_command(
            '--backend', redis_server.address, '--protocol', 'redis', '--behavior', '20:error', '--seed', '5'
        )
        with Peer.connect(command.port) as client:
            client.send(b'*1\r\n$4\r\nPING\r\n' * 200)
            replies = [client.recv_until(b'\r\n') for _ in range(200)]
        assert [b'injected' in reply for reply in replies] == [name == 'error' for name in expected]


class TestCommandLines:
    """Those of the documentation, with other addresses."""

    def test_a_share_of_http_errors(self, vaurien_command: StartCommand, nginx: Server) -> None:
        command = vaurien_command('--backend', nginx.address, '--protocol', 'http', '--behavior', '20:error')
        assert any('armed: 20% error' in line for line in command.out_lines)
        with http_session(command.port) as session:
            statuses = [session.get('/').status_code for _ in range(100)]
        assert 0 < sum(status >= 500 for status in statuses) < 60

    def test_two_seconds_late(self, vaurien_command: StartCommand, redis_server: Server) -> None:
        flags = ['--behavior', '5:error,10:delay', '--behavior-delay-sleep', '2']
        expected = draws([(5, 'error'), (10, 'delay')], seed=4, exchanges=20)
        command = vaurien_command(
            '--backend', redis_server.address, '--protocol', 'redis', *flags, '--seed', '4', '--http'
        )
        first = expected.index('delay')
        with Peer.connect(command.port) as client:
            for _ in range(first):
                client.send(b'PING\r\n')
                client.recv_until(b'\r\n')
            began = monotonic()
            client.send(b'PING\r\n')
            assert client.recv_until(b'\r\n') == b'+PONG\r\n'
            assert monotonic() - began > 2 - CLOCK

    def test_twelve_pass_and_then_none(self, vaurien_command: StartCommand, echo_server: RawBackend) -> None:
        command = vaurien_command(
            '--backend', echo_server.address, '--behavior', '100:error', '--behavior-error-warmup', '12'
        )
        with Peer.connect(command.port) as client:
            for number in range(12):
                client.send(b'%04d' % number)
                assert client.recv_exactly(4) == b'%04d' % number
            for _ in range(2):
                client.send(b'more')
                assert client.recv_exactly(1000)[:4] != b'more'
        code, out, _ = command.stop()
        assert code == 0
        assert 'faults: 2 error' in out

    def test_options_are_flags(self, vaurien_command: StartCommand, nginx: Server) -> None:
        flags = ['--backend', nginx.address, '--protocol', 'http', '--behavior', '100:transient']
        flags += ['--behavior-transient-code', '418', '--behavior-transient-agitate', '2']
        command = vaurien_command(*flags, '--behavior-transient-warmup', '1', '--behavior-delay-before', 'no')
        with http_session(command.port) as session:
            assert [session.get('/').status_code for _ in range(5)] == [200, 418, 418, 200, 200]

    def test_a_file(self, vaurien_command: StartCommand, nginx: Server, tmp_path: Path) -> None:
        config = tmp_path / 'vaurien.ini'
        config.write_text(f"""\
[vaurien]
backend = {nginx.address}
proxy = {HOST}:0
protocol = http
behavior = 20:delay

[behavior:delay]
sleep = 2
""")
        command = vaurien_command('--config', str(config), '--seed', '9')
        assert any('20% delay (sleep=2.0, before=true)' in line for line in command.out_lines)
        selector = Selector([Rule(Delay, 20.0)], 9)
        late = next(link for link in range(1, 100) if selector.draws(link).draw(1))
        for link in range(1, late + 1):
            with http_session(command.port) as session:
                assert (session.get('/').elapsed.total_seconds() > 2 - CLOCK) == (link == late)


class TestBenchmark:
    """``redis-benchmark`` through it."""

    def test_without_faults(self, vaurien_command: StartCommand, redis_server: Server) -> None:
        command = vaurien_command('--backend', redis_server.address, '--protocol', 'redis', '--http')
        for flags in (['-P', '1'], ['-P', '16']):
            run = benchmark(command.port, '-n', '5000', '-c', '20', '-e', *flags)
            assert run.returncode == 0
            assert 'Error' not in run.stdout + run.stderr
            assert run.stdout.count('requests per second') == 2
        status = Client(port=command.control_port).status()
        assert status['exchanges'] >= 20_000
        assert status['faults'] == {}

    @pytest.mark.parametrize('pipeline', ['1', '16'])
    def test_with_errors_it_says_so(self, vaurien_command: StartCommand, redis_server: Server, pipeline: str) -> None:
        """It ends at the first error that it meets; the proxy goes on."""
        flags = ['--backend', redis_server.address, '--protocol', 'redis', '--behavior', '1:error', '--seed', '2']
        command = vaurien_command(*flags)
        run = benchmark(command.port, '-n', '4000', '-c', '10', '-P', pipeline)
        assert run.returncode == 1
        assert run.stderr.endswith('Error from server: ERR injected by vaurien\n')
        with Peer.connect(command.port) as client:
            client.send(b'PING\r\n' * 50)
            replies = [client.recv_until(b'\r\n') for _ in range(50)]
        assert set(replies) <= {b'+PONG\r\n', b'-ERR injected by vaurien\r\n'}


class TestControl:
    """Faults that change while connections are open."""

    def test_on_a_connection_in_use(self, vaurien_command: StartCommand, nginx: Server) -> None:
        command = vaurien_command('--backend', nginx.address, '--protocol', 'http', '--http')
        control = Client(port=command.control_port)
        with http_session(command.port) as session:
            assert session.get('/').content == INDEX
            control.set_behavior('error', code=503)
            assert session.get('/').status_code == 503
            control.set_behavior('delay', sleep=LATE)
            assert session.get('/').elapsed.total_seconds() > LATE - CLOCK
            with control.with_behavior('50:error,50:delay', error={'code': 502}, delay={'sleep': 0}):
                assert {session.get('/').status_code for _ in range(30)} == {200, 502}
            assert control.get_behavior() == 'delay'
            assert session.get('/').elapsed.total_seconds() > LATE - CLOCK
            control.set_behavior('dummy')
            assert session.get('/large').content == LARGE
        assert control.status()['links']['total'] == 1

    def test_while_one_is_late(self, vaurien_command: StartCommand, redis_server: Server) -> None:
        """The request that waits goes on at once."""
        command = vaurien_command('--backend', redis_server.address, '--protocol', 'redis', '--http')
        control = Client(port=command.control_port)
        with Peer.connect(command.port) as client:
            client.send(b'PING\r\n')
            assert client.recv_until(b'\r\n') == b'+PONG\r\n'
            control.set_behavior('delay', sleep=1000)
            client.send(b'PING\r\n')
            command.wait_for_log('link 1 exchange 2: delay on PING')
            control.set_behavior('dummy')
            assert client.recv_until(b'\r\n') == b'+PONG\r\n'
        eventually(lambda: control.status()['links'] == {'open': 0, 'total': 1})

    def test_while_one_hangs(self, vaurien_command: StartCommand, nginx: Server) -> None:
        command = vaurien_command('--backend', nginx.address, '--protocol', 'http', '--http', '--behavior', '100:hang')
        control = Client(port=command.control_port)
        with Peer.connect(command.port) as client:
            client.send(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            command.wait_for_log('link 1 exchange 1: hang on GET /')
            assert client.is_silent(0.05)
            control.set_behavior('dummy')
            assert client.recv_all() == b''
        with http_session(command.port) as session:
            assert session.get('/').content == INDEX


class TestDrivers:
    """What real clients make of every fault."""

    def test_requests_and_curl(self, vaurien_command: StartCommand, nginx: Server) -> None:
        command = vaurien_command('--backend', nginx.address, '--protocol', 'http', '--http')
        control = Client(port=command.control_port)
        with http_session(command.port) as session:
            for name in ('blackout', 'abort'):
                with control.with_behavior(name):
                    with pytest.raises(requests.ConnectionError, match='closed connection without response'):
                        session.get('/')
                    assert curl(command.port, '/').returncode == 52  # CURLE_GOT_NOTHING
            with control.with_behavior('hang'):
                with pytest.raises(requests.ReadTimeout):
                    session.get('/', timeout=LATE)
                assert curl(command.port, '/', '--max-time', str(LATE)).returncode == 28  # CURLE_OPERATION_TIMEDOUT
            with control.with_behavior('transient', agitate=1, code=503):
                run = curl(command.port, '/', '--retry', '3', '--retry-delay', '0')
            assert run.returncode == 0
            assert run.stdout.endswith(INDEX + b'\n200')
            assert session.get('/').content == INDEX

    def test_redis(self, vaurien_command: StartCommand, redis_server: Server) -> None:
        command = vaurien_command('--backend', redis_server.address, '--protocol', 'redis', '--http')
        control = Client(port=command.control_port)
        with redis_client(command.port) as client:
            for name, error in (
                ('error', redis.ResponseError),
                ('transient', redis.ResponseError),
                ('blackout', redis.ConnectionError),
                ('abort', redis.ConnectionError),
            ):
                client.ping()  # connected: the fault is to meet the command, not the driver's handshake
                with control.with_behavior(name), pytest.raises(error):
                    client.incr('faults')
            assert client.incr('faults') == 2
        with redis_client(command.port, socket_timeout=3 * LATE) as client:
            with control.with_behavior('hang'), pytest.raises(redis.TimeoutError):
                client.incr('faults')
            with control.with_behavior('delay'), pytest.raises(redis.TimeoutError):
                client.incr('faults')

    def test_redis_that_tries_again(self, vaurien_command: StartCommand, redis_server: Server) -> None:
        """Where only the reply was lost, the command is carried out twice."""
        command = vaurien_command('--backend', redis_server.address, '--protocol', 'redis', '--http')
        control = Client(port=command.control_port)

        class Disarming(AbstractBackoff):
            """Ends the fault between the first try and the second."""

            def compute(self, failures: int) -> float:
                control.set_behavior('dummy')
                return 0

        with redis_client(command.port, retry=Retry(Disarming(), 1)) as client:
            control.set_behavior('abort')
            assert client.incr('retried') == 2


def serve_mail(peer: Peer) -> None:
    """A mail server that speaks first and says yes to everything."""
    with suppress(ConnectionError, EOFError):
        peer.send(b'220 mail.example.com ready\r\n')
        while not (line := peer.recv_until(b'\r\n')).startswith(b'QUIT'):
            peer.send(b'250 yes to ' + line)
        peer.send(b'221 bye\r\n')


class TestBackendSpeaksFirst:
    """The greeting is an exchange of its own."""

    @pytest.fixture
    def mail(self, raw_backend: RawBackend) -> RawBackend:
        """A mail server."""
        return raw_backend.serve(serve_mail)

    def test_all_passes(self, vaurien_command: StartCommand, mail: RawBackend) -> None:
        command = vaurien_command('--backend', mail.address)
        with smtplib.SMTP(HOST, command.port, timeout=TIMEOUT) as client:
            assert client.noop()[0] == 250

    def test_garbage(self, vaurien_command: StartCommand, mail: RawBackend) -> None:
        command = vaurien_command('--backend', mail.address, '--behavior', '100:error', '--seed', '1')
        with Peer.connect(command.port) as client:
            assert b'220 ' not in client.recv_exactly(1000)
            client.send(b'EHLO x\r\n')
            assert b'250 ' not in client.recv_exactly(1000)
        with pytest.raises(smtplib.SMTPException):
            smtplib.SMTP(HOST, command.port, timeout=TIMEOUT)
        assert command.wait_for_log('link 1 exchange 1: error')

    def test_late(self, vaurien_command: StartCommand, mail: RawBackend) -> None:
        command = vaurien_command('--backend', mail.address, '--behavior', '100:delay', '--behavior-delay-sleep', '0.1')
        began = monotonic()
        with smtplib.SMTP(HOST, command.port, timeout=TIMEOUT) as client:
            greeted = monotonic()
            assert greeted - began > 0.1 - CLOCK
            assert client.noop()[0] == 250
            assert monotonic() - greeted > 0.1 - CLOCK

    def test_gone(self, vaurien_command: StartCommand, mail: RawBackend) -> None:
        command = vaurien_command('--backend', mail.address, '--behavior', '100:blackout')
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtplib.SMTP(HOST, command.port, timeout=TIMEOUT)
        with Peer.connect(command.port) as client:
            assert client.recv_all() == b''

    def test_silence(self, vaurien_command: StartCommand, mail: RawBackend) -> None:
        command = vaurien_command('--backend', mail.address, '--behavior', '100:hang')
        with Peer.connect(command.port) as client:
            command.wait_for_log('link 1 exchange 1: hang')
            client.send(b'EHLO x\r\n')
            assert client.is_silent(LATE)

    def test_armed_between_greeting_and_command(self, vaurien_command: StartCommand, mail: RawBackend) -> None:
        command = vaurien_command('--backend', mail.address, '--http')
        with smtplib.SMTP(HOST, command.port, timeout=TIMEOUT) as client:
            Client(port=command.control_port).set_behavior('delay', sleep=0.1)
            began = monotonic()
            assert client.noop()[0] == 250
            assert monotonic() - began > 0.1 - CLOCK
