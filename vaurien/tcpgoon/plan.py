"""From what was asked for to the tests to run: everything that can be found wrong before a connection is opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vaurien.address import Address
from vaurien.console.limits import describe_shortage
from vaurien.errors import ConfigError
from vaurien.plugins.options import convert
from vaurien.tcpgoon.escapes import unescape
from vaurien.tcpgoon.handshake import Recipe
from vaurien.tcpgoon.ports import check_ports
from vaurien.tcpgoon.settings import Settings, TargetPort
from vaurien.tcpgoon.target import Target, parse_sources
from vaurien.tcpgoon.tls import check_name, make_context


class Test(NamedTuple):
    """What is to be done to one target; *title* says which that is."""

    title: str
    recipe: Recipe


def plan(settings: Settings, words: Sequence[str]) -> list[Test]:
    """A test for each target that *words* name; raises `ConfigError`, `RegistryError`."""
    tls = make_context(settings)
    send, expect = _read_text('send', settings.send), _read_text('expect', settings.expect)
    tests = []
    for title, target in _find_targets(settings, words):
        if tls is not None:
            check_name(tls, target.name)
        tests.append(Test(title, Recipe(target, tls, send, expect)))
    return tests


def check_limits(settings: Settings, tests: Sequence[Test]) -> list[str]:
    """Have the connections fit into this machine; what is to be said if they cannot."""
    warnings = [describe_shortage(settings.connections)]
    warnings += [check_ports(settings.connections, test.recipe.target) for test in tests]
    return [warning for warning in dict.fromkeys(warnings) if warning]


def _find_targets(settings: Settings, words: Sequence[str]) -> Iterator[tuple[str, Target]]:
    sources = parse_sources(settings.source)
    if settings.eureka is not None:
        (application,) = _expect(['<application>'], words)
        from vaurien.tcpgoon.eureka import find_instances  # imports requests, which takes a while

        for instance in find_instances(settings.eureka, application):
            yield instance.id, Target.resolve(instance.address, sources, instance.host)
    else:
        host, port = _expect(['<host>', '<port>'], words)
        address = _read_address(host, port)
        yield str(address), Target.resolve(address, sources)


def _expect(names: Sequence[str], words: Sequence[str]) -> Sequence[str]:
    if len(words) == len(names) and all(words):
        return words
    given = ' '.join(map(repr, words)) or 'nothing'
    raise ConfigError(f'expected {" ".join(names)}, got {given}, see tcpgoon --help')


def _read_address(host: str, port: str) -> Address:
    try:
        return Address(host.strip('[]'), convert(port, TargetPort, text=True))
    except ConfigError as error:
        raise error.within('<port>') from None


def _read_text(flag: str, text: str) -> bytes:
    try:
        return unescape(text)
    except ConfigError as error:
        raise error.within(f'--{flag}') from None
