"""What the runner does with agents and brokers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vaurien.address import Address
from vaurien.console.output import say
from vaurien.errors import StartError
from vaurien.loads.cluster import messages, packing
from vaurien.loads.cluster.broker_client import Link, is_listening
from vaurien.loads.cluster.cluster_run import ClusterRun
from vaurien.loads.cluster.remote_run import RemoteRun
from vaurien.loads.discovery import find_test
from vaurien.loads.plan import Cycle, Plan

if TYPE_CHECKING:
    from vaurien.loads.settings import Settings
    from vaurien.loads.users.run import Run

#: The test of ``--check-cluster``; every agent has it.
CHECK = 'vaurien.loads.cluster.check.TestAgent.test_agent'


def begin(plan: Plan, settings: Settings, secret: str) -> Run | None:
    """A run on agents: of the broker that is there, or of the runner's own; None if it was left with the broker."""
    packed = _pack(settings)
    address: Address | None = settings.address
    if address is None:
        return ClusterRun(plan, packed, None, secret)
    messages.demand_secret(address, secret, what='--broker')
    if not is_listening(address):
        if settings.detach:
            raise StartError(f'no broker at {address}: see loads-broker')
        return ClusterRun(plan, packed, address, secret)
    link = Link(address, secret)
    link.ask(messages.SUBMIT, {'plan': plan.to_data(), 'files': packed, 'detach': settings.detach})
    if not settings.detach:
        return RemoteRun(plan, link)
    link.close()
    say(f'left with the broker: loads-runner --attach --broker {address} follows it')
    return None


def attach(settings: Settings, secret: str) -> Run:
    """The run that the broker has."""
    link = _link(settings, secret)
    answer = link.ask(messages.ATTACH)
    return RemoteRun(Plan.from_data(answer['plan']), link, attached=True)


def ask(settings: Settings, secret: str) -> int:
    """``--ping-broker`` and ``--purge-broker``."""
    link = _link(settings, secret)
    if settings.purge_broker:
        stopped = link.ask(messages.PURGE)['stopped']
        say(f'{f"stopped {stopped}" if stopped else "nothing ran"}, results forgotten')
    else:
        say(_describe(link))
    link.close()
    return 0


def check(settings: Settings, secret: str) -> int:
    """``--check-cluster``: every agent runs an empty test."""
    link = _link(settings, secret)
    agents = link.about['agents']
    say(_describe(link))
    if not agents:
        raise StartError(f'no agents at {link.address}')
    plan = Plan(test=CHECK, cycles=(Cycle(1, 1),), agents=len(agents))
    link.ask(messages.SUBMIT, {'plan': plan.to_data(), 'files': packing.pack([], Path.cwd()), 'detach': False})
    run = RemoteRun(plan, link)
    run.execute()
    report = run.report()
    for name in report.agents:
        say(f'{name}: {"lost" if name in report.lost else "ok"}')
    return report.status


def _link(settings: Settings, secret: str) -> Link:
    address = settings.address or messages.DEFAULT_BROKER
    messages.demand_secret(address, secret, what='--broker')
    if not is_listening(address):
        raise StartError(f'no broker at {address}')
    return Link(address, secret)


def _describe(link: Link) -> str:
    about = link.about
    lines = [f'loads-broker {about["version"]} at {link.address}, process {about["pid"]}']
    run = about['run']
    if run is not None:
        whose = ', '.join(filter(None, (run['project_name'], run['user_id'])))
        lines.append(f'{"last run" if run["over"] else "runs"}: {run["test"]}{f" ({whose})" if whose else ""}')
    lines.append(f'agents: {len(about["agents"])}')
    for agent in about['agents']:
        state = 'busy' if agent['busy'] else 'idle'
        lines.append(f'  {agent["name"]}: {state}, Python {agent["python"]}, vaurien {agent["version"]}')
    return '\n'.join(lines)


def _pack(settings: Settings) -> bytes:
    """The files that travel. The test is imported, so what is wrong with it is seen here, and what it imports."""
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
