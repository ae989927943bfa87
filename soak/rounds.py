"""All servers, proxies and clients, round by round, and a look at the process in between."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event

from soak import clients
from soak.faults import FAULTS, FRAMED_FAULTS, SPOILERS, Arm, Record, toggle
from soak.worker import Connect, Load, Outcome, Worker
from tests import servers
from tests.behaviors.mail import mail_server
from tests.commands import Command
from tests.servers import HOST, TIMEOUT, free_port
from vaurien.client import Client
from vaurien.engine.memory import INTERVAL
from vaurien.records.fault_log import KEPT

#: Clients of each proxy.
WORKERS = 2
#: Seconds that an exchange may last once no fault is armed any more.
STRAGGLING = 1
#: Shares of large exchanges in the rounds of the warm-up, and later. They need most memory.
SHARES = 0.1, 0.01


@dataclass
class Target:
    """A proxy under load."""

    name: str
    protocol: str
    connect: Connect
    proxy: Client
    port: int
    record: Record = field(default_factory=Record)


@dataclass
class Round:
    """What one round has shown. Memory is what the process itself has allocated and not given back, in KiB."""

    outcome: Outcome
    faults: int
    descriptors: int
    memory: int


@contextmanager
def soaking(seed: int, seconds: float, pause: float, warm_up: int) -> Iterator[Iterator[Round]]:
    """Start all servers and one ``vaurien --server``; yield rounds of that many *seconds*, without end.

    Each client makes a *pause* of so many seconds after each exchange. The first *warm_up* rounds, if any, have the
    process allocate what it will ever need.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='vaurien-soak-')))
        backends = _start_backends(stack, directory)
        command = Command('--server', '--log-level', 'error')
        stack.callback(command.kill)
        control = Client(HOST, command.control_port)
        targets = [
            _create(control, backend, protocol, connect, port)
            for backend, (connect, port) in backends.items()
            for protocol in (backend, 'tcp')
        ]
        try:
            yield _rounds(command.process.pid, targets, seed, seconds, pause, warm_up)
        finally:
            code, _, messages = command.stop()
            if code or messages:
                raise AssertionError(f'vaurien ended with status {code}: {messages}')


def _start_backends(stack: ExitStack, directory: Path) -> dict[str, tuple[Connect, int]]:
    """Start a server for each framed protocol. Return its client and its port, by the name of the protocol."""
    mailbox = clients.LastMessages(free_port())
    stack.enter_context(mail_server(mailbox=mailbox))
    return {
        'http': (clients.http_client, stack.enter_context(servers.nginx(_within(directory, 'nginx'))).port),
        'redis': (clients.redis_client, stack.enter_context(servers.redis(_within(directory, 'redis'))).port),
        'memcache': (clients.memcache_client, stack.enter_context(servers.memcached(directory)).port),
        'mysql': (clients.mysql_client, stack.enter_context(servers.mariadb(_within(directory, 'mariadb'))).port),
        'postgres': (clients.postgres_client, stack.enter_context(servers.postgres()).port),
        'smtp': (clients.smtp_client(mailbox), mailbox.port),
    }


def _within(directory: Path, name: str) -> Path:
    path = directory / name
    path.mkdir()
    return path


def _create(control: Client, backend: str, protocol: str, connect: Connect, port: int) -> Target:
    name = backend if backend == protocol else f'{backend} as {protocol}'
    proxy = control.create_proxy(name, f'{HOST}:0', f'{HOST}:{port}', protocol)
    return Target(name, protocol, connect, proxy, int(proxy.inspect()['listen'].rpartition(':')[2]))


def _rounds(pid: int, targets: list[Target], seed: int, seconds: float, pause: float, warm_up: int) -> Iterator[Round]:
    if warm_up:
        for target in targets:
            _fill_fault_log(target)
    number = 0
    while True:
        number += 1
        load = Load(pause, SHARES[number > warm_up])
        outcome, faults = _run_round(targets, f'{seed}/{number}', seconds, load)
        for target in targets:
            _wait_until_idle(target.proxy)
        time.sleep(2 * INTERVAL)  # for the memory that the process returns once it is idle
        yield Round(outcome, faults, _count_descriptors(pid), _measure_memory(pid))


def _run_round(targets: list[Target], seed: str, seconds: float, load: Load) -> tuple[Outcome, int]:
    """Load all targets and toggle their faults for so long. Return what was seen, and the number of faults."""
    calm, ended = Event(), Event()
    workers = [
        Worker(target.name, target.connect, target.port, target.record, Random(f'{seed}/{target.name}/{index}'), load)
        for target in targets
        for index in range(WORKERS)
    ]
    with ThreadPoolExecutor(len(targets) + len(workers)) as pool:
        toggling = [
            pool.submit(toggle, one.proxy, one.record, _faults_for(one), Random(f'{seed}/{one.name}'), calm)
            for one in targets
        ]
        working = [pool.submit(worker.run, ended) for worker in workers]
        try:
            ended.wait(seconds)
            calm.set()
            faults = sum(future.result() for future in toggling)
        finally:
            calm.set()
            ended.set()
            _end_stragglers(targets, working)
    total = Outcome()
    for worker in workers:
        total.add(worker.outcome)
    return total, faults


def _fill_fault_log(target: Target) -> None:
    """Let a proxy remember as many faults as it ever does."""
    with target.proxy.with_behavior('delay(sleep=0)'), target.connect(target.port) as talk:
        while target.proxy.status()['faults'].get('delay', 0) < KEPT:
            for _ in range(100):
                talk(b'fault')


def _faults_for(target: Target) -> list[Arm]:
    return [*FAULTS, *SPOILERS, *(FRAMED_FAULTS if target.protocol != 'tcp' else ())]


def _end_stragglers(targets: list[Target], working: list[Future[None]]) -> None:
    """Wait until all workers are done. Cut off those that wait for bytes that a toxic has dropped."""
    deadline = time.monotonic() + STRAGGLING
    while not all(future.done() for future in working) and time.monotonic() < deadline:
        time.sleep(0.05)
    for target in targets:
        target.record.periods.append('fault')
        target.proxy.disable()
        target.proxy.enable()
        target.record.periods.append('calm')
    for future in working:
        future.result()


def _wait_until_idle(proxy: Client) -> None:
    deadline = time.monotonic() + TIMEOUT
    while proxy.links():
        if time.monotonic() > deadline:
            raise AssertionError(f'links of {proxy.name} are still open: {proxy.links()}')
        time.sleep(0.02)


def _measure_memory(pid: int) -> int:
    """Return the anonymous memory in KiB, swapped or not (proc(5)): the least of some samples at rest.

    Pages of files are left out. How many of them are resident depends on what else the machine does.
    """
    samples = []
    for _ in range(5):
        lines = [line.split() for line in Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()]
        samples.append(sum(int(words[1]) for words in lines if words[0] in {'Anonymous:', 'Swap:'}))
        time.sleep(0.2)
    return min(samples)


def _count_descriptors(pid: int) -> int:
    """Return how many descriptors the process holds, without those of calls of the API that it is about to close."""
    samples = []
    for _ in range(5):
        samples.append(len(list(Path(f'/proc/{pid}/fd').iterdir())))
        time.sleep(0.05)
    return min(samples)
