"""What ``loads-runner`` does with agents and brokers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vaurien.address import Address
from vaurien.console.output import make_printable, print_line
from vaurien.errors import StartError
from vaurien.loads.cluster import messages, packing
from vaurien.loads.cluster.broker_client import BrokerClient, is_listening
from vaurien.loads.cluster.cluster_run import ClusterRun
from vaurien.loads.cluster.endpoint import DEFAULT_BROKER
from vaurien.loads.cluster.remote_run import RemoteRun
from vaurien.loads.cluster.seal import demand_secret
from vaurien.loads.discovery import find_test
from vaurien.loads.plan import Cycle, Plan

if TYPE_CHECKING:
    from vaurien.loads.settings import Settings
    from vaurien.loads.users.run import Run

#: The test of ``--check-cluster``, which is installed with every agent.
CHECK = 'vaurien.loads.cluster.check.TestAgent.test_agent'


def begin(plan: Plan, settings: Settings, secret: str) -> Run | None:
    """Return a run on agents of the runner itself or of a broker, or None if the broker was left alone with it."""
    packed = _pack(settings)
    address: Address | None = settings.address
    if address is None:
        return ClusterRun(plan, packed, None, secret, settings.heartbeat_timeout, settings.log_format)
    demand_secret(address, secret, what='--broker')
    if not is_listening(address):
        if settings.detach:
            raise StartError(f'no broker at {address}: start one with loads-broker')
        return ClusterRun(plan, packed, address, secret, settings.heartbeat_timeout, settings.log_format)
    broker = BrokerClient(address, secret)
    broker.ask(messages.SUBMIT, {'plan': plan.to_data(), 'files': packed, 'detach': settings.detach})
    if not settings.detach:
        return RemoteRun(plan, broker, settings.heartbeat_timeout)
    broker.close()
    print_line(f'left with the broker: loads-runner --attach --broker {address} follows it')
    return None


def attach(settings: Settings, secret: str) -> Run:
    """Return the run of the broker. Raises `StartError` if it has none."""
    broker = _connect(settings, secret)
    answer = broker.ask(messages.ATTACH)
    return RemoteRun(Plan.from_data(answer['plan']), broker, settings.heartbeat_timeout, attached=True)


def ask(settings: Settings, secret: str) -> int:
    """Carry out ``--ping-broker`` or ``--purge-broker``, and return the exit status."""
    broker = _connect(settings, secret)
    if settings.purge_broker:
        stopped = broker.ask(messages.PURGE)['stopped']
        print_line(make_printable(f'{f"stopped {stopped}" if stopped else "nothing ran"}, results deleted'))
    else:
        print_line(_describe(broker))
    broker.close()
    return 0


def check(settings: Settings, secret: str) -> int:
    """Carry out ``--check-cluster``: run an empty test on every agent, and return the exit status."""
    broker = _connect(settings, secret)
    agents = broker.about['agents']
    print_line(_describe(broker))
    if not agents:
        raise StartError(f'no agents at {broker.address}')
    plan = Plan(test=CHECK, cycles=(Cycle(1, 1),), agents=len(agents))
    broker.ask(messages.SUBMIT, {'plan': plan.to_data(), 'files': packing.pack([], Path.cwd()), 'detach': False})
    run = RemoteRun(plan, broker, settings.heartbeat_timeout)
    run.execute()
    report = run.report()
    for name in report.agents:
        print_line(f'{make_printable(name)}: {"lost" if name in report.lost else "ok"}')
    return report.status


def _connect(settings: Settings, secret: str) -> BrokerClient:
    address = settings.address or DEFAULT_BROKER
    demand_secret(address, secret, what='--broker')
    if not is_listening(address):
        raise StartError(f'no broker at {address}')
    return BrokerClient(address, secret)


def _describe(broker: BrokerClient) -> str:
    about = broker.about
    lines = [f'loads-broker {about["version"]} at {broker.address}, process {about["pid"]}']
    run = about['run']
    if run is not None:
        whose = ', '.join(filter(None, (run['project_name'], run['user_id'])))
        text = f'{"last run" if run["over"] else "runs"}: {run["test"]}{f" ({whose})" if whose else ""}'
        lines.append(make_printable(text))
    lines.append(f'agents: {len(about["agents"])}')
    for agent in about['agents']:
        state = 'busy' if agent['busy'] else 'idle'
        text = f'  {agent["name"]}: {state}, Python {agent["python"]}, vaurien {agent["version"]}'
        lines.append(make_printable(text))
    return '\n'.join(lines)


def _pack(settings: Settings) -> bytes:
    """Return the files for the agents, packed.

    The test is imported to find out what it imports. A mistake in it shows here, before any agent has work.
    """
    root = Path.cwd()
    paths = packing.find_matching(settings.include_file, root)
    if settings.test_runner:
        paths += packing.find_named(settings.test_runner, settings.fqn, root)
    else:
        find_test(settings.fqn)
        paths += packing.find_loaded(settings.fqn.rpartition('.')[0].rpartition('.')[0], root)
    if settings.test_dir:
        paths = [root]
    return packing.pack(paths, root)
