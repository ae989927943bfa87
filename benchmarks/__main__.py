"""Run the rounds and print the tables: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from benchmarks import certificates, connections, contenders, loads, machine, measure, table
from benchmarks.contenders import Contender
from benchmarks.process import BenchError
from benchmarks.results import Results, Sample
from benchmarks.scenarios import CPU_SCALE, SCENARIOS, Scenario
from tests import servers
from tests.servers import Server
from vaurien.console.limits import raise_descriptors

#: Seconds of load on a contender before it is measured.
WARM_UP = 0.2

Step = tuple[int, Scenario, Contender]


def parse_arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser('python -m benchmarks', description=__doc__)
    parser.add_argument(
        '--rounds', type=int, default=3, help='number of rounds, each of which runs every step once (3)'
    )
    parser.add_argument('--seconds', type=float, default=3.0, help='about how long each load runs, in seconds (3)')
    parser.add_argument('--quick', action='store_true', help='one round of one second: a smoke test, not a measurement')
    parser.add_argument(
        '--only', metavar='PATTERN', default='', help='scenarios to run: a name, or a regular expression found in it'
    )
    parser.add_argument(
        '--contenders',
        metavar='PATTERN',
        default='',
        help='contenders to run: a name, or a regular expression found in it',
    )
    parser.add_argument('--json', metavar='FILE', type=Path, help='also write every sample to this file')
    parser.add_argument('--list', action='store_true', help='list scenarios and contenders, and run nothing')
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 1.0
    return arguments


def is_chosen(name: str, pattern: str) -> bool:
    """Return whether *pattern* is *name*. If it is no name at all, return whether it is found in *name*."""
    names = {scenario.name for scenario in SCENARIOS} | {item.name for one in SCENARIOS for item in one.contenders}
    return name == pattern if pattern in names else bool(re.search(pattern, name))


def chosen_steps(arguments: argparse.Namespace) -> list[Step]:
    """Return every step in order. Every other round reverses the contenders, so that none always runs first."""
    steps: list[Step] = []
    for round_ in range(arguments.rounds):
        for scenario in SCENARIOS:
            if is_chosen(scenario.name, arguments.only):
                some = [one for one in scenario.contenders if is_chosen(one.name, arguments.contenders)]
                steps += [(round_, scenario, one) for one in (some if round_ % 2 == 0 else reversed(some))]
    if contenders.has_toxiproxy():
        return steps
    return [step for step in steps if not step[2].name.startswith('Toxiproxy')]


def start_backends(stack: ExitStack, names: set[str]) -> dict[str, Server]:
    """Start the backends with these names, and return them by name."""
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='vaurien-bench-')))
    starters: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
        'redis': servers.redis,
        'nginx': servers.nginx,
        'nginx with TLS': lambda directory: servers.nginx(directory / 'tls', certificates.certificate()),
        'iperf3': loads.iperf3_server,
        'memcached': servers.memcached,
        'mariadb': servers.mariadb,
        'postgres': lambda _: servers.postgres(),
        'tcpgoon': connections.holding_server,
    }
    return {name: stack.enter_context(starters[name](directory)) for name in sorted(names)}


def run_step(scenario: Scenario, contender: Contender, backend: Server, seconds: float) -> Sample:
    """Start the contender, put the load on it, and return what was measured."""
    with contender.start(backend) as endpoint:
        if not scenario.cpu:
            return scenario.load(contender, endpoint, seconds).seen
        scenario.load(contender, endpoint, WARM_UP)
        before = measure.cpu_seconds(endpoint.pid) if endpoint.pid else 0.0
        outcome = scenario.load(contender, endpoint, seconds)
        if endpoint.pid is None:
            return outcome.seen
        spent = measure.cpu_seconds(endpoint.pid) - before
        return {scenario.cpu: spent * CPU_SCALE[scenario.cpu] / outcome.work, **outcome.seen}


def run_steps(steps: list[Step], backends: dict[str, Server], seconds: float, results: Results) -> Iterator[str]:
    """Run all steps, add their samples to *results*, and yield a line of progress for each."""
    for count, (round_, scenario, contender) in enumerate(steps, 1):
        place = f'[{count}/{len(steps)}] {scenario.name}: {contender.name}: '
        try:
            sample = run_step(scenario, contender, backends[scenario.backend], seconds)
        except (BenchError, OSError) as error:
            yield f'{place}failed: {error}'
            continue
        results.add(scenario.name, contender.name, round_, sample)
        yield place + ', '.join(f'{table.number(value)} {column}' for column, value in sample.items())


def main() -> int:
    """Run what the command line asks for, and return the exit status."""
    arguments = parse_arguments()
    steps = chosen_steps(arguments)
    if arguments.list:
        print('\n'.join(f'{scenario.name}: {contender.name}' for round_, scenario, contender in steps if not round_))
        return 0
    if not steps:
        print('benchmarks: no scenario or contender has this name: see --list', file=sys.stderr)
        return 2
    raise_descriptors()
    # The servers end with this process also when it is asked to end, by `timeout` say.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    results = Results()
    status = 0
    try:
        with ExitStack() as stack:
            backends = start_backends(stack, {scenario.backend for _, scenario, _ in steps})
            for line in run_steps(steps, backends, arguments.seconds, results):
                print(line, flush=True)
    except (BenchError, OSError) as error:
        print(f'benchmarks: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        status = 130  # the results so far are still printed
    print(f'\n{table.report(results, machine.describe())}')
    if arguments.json:
        arguments.json.write_text(json.dumps(results.samples, indent=2))
    return status


if __name__ == '__main__':
    sys.exit(main())
