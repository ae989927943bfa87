"""Settings from the environment: each flag has a variable, which a file gives way to, and flags do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import StartCommand
from vaurien import Client
from vaurien.address import Address
from vaurien.cli.flags import find_variable, make_parser, parse
from vaurien.errors import ConfigError


def test_each_flag_has_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('VAURIEN_BACKEND', 'redis://localhost')
    monkeypatch.setenv('VAURIEN_BEHAVIOR', '20:delay')
    monkeypatch.setenv('VAURIEN_BEHAVIOR_DELAY_SLEEP', '2s')
    monkeypatch.setenv('VAURIEN_TOXIC', 'noop')
    monkeypatch.setenv('VAURIEN_HTTP', 'yes')
    monkeypatch.setenv('VAURIEN_IDLE_TIMEOUT', '')  # as Compose writes one that is not set
    settings = parse([]).settings
    assert (settings.backend, settings.protocol) == (Address('localhost', 6379), 'redis')
    assert settings.behaviors[0].options['sleep'] == 2
    assert [toxic.type for toxic in settings.toxics] == ['noop']
    assert (settings.http, settings.idle_timeout) == (True, None)


#: What Kubernetes sets for services called vaurien, vaurien-http and vaurien-statsd (docs: "Accessing the Service").
SERVICES = {
    f'VAURIEN_{name}{key}': value
    for name, port in (('', '8000'), ('HTTP_', '8080'), ('STATSD_', '8125'))
    for key, value in (
        ('SERVICE_HOST', '10.0.0.7'),
        ('SERVICE_PORT', port),
        ('SERVICE_PORT_REDIS', port),
        ('PORT', f'tcp://10.0.0.7:{port}'),
        (f'PORT_{port}_TCP', f'tcp://10.0.0.7:{port}'),
        (f'PORT_{port}_TCP_PROTO', 'tcp'),
        (f'PORT_{port}_TCP_PORT', port),
        (f'PORT_{port}_TCP_ADDR', '10.0.0.7'),
    )
}


def test_services_of_kubernetes_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    without = parse([])
    for name, value in SERVICES.items():
        monkeypatch.setenv(name, value)
    assert (parse([]).settings, parse([]).ignored) == (without.settings, ())
    monkeypatch.setenv('VAURIEN_HTTP_PORT', '9000')
    assert parse([]).settings.http_port == 9000


def test_it_starts_among_them(vaurien_command: StartCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES.items():
        monkeypatch.setenv(name, value)
    command = vaurien_command('--http')
    assert Client(port=command.control_port).status()['protocol'] == 'tcp'


def test_no_two_flags_have_the_same_variable() -> None:
    names = [find_variable(action.dest) for action in make_parser()._actions if '.' in action.dest]
    assert len({*names}) == len(names)
    assert {'VAURIEN_URL', 'VAURIEN_TOKEN', 'VAURIEN_PURE', 'VAURIEN_CONFIG'}.isdisjoint(names)


def test_flags_then_environment_then_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'vaurien.ini'
    path.write_text('[vaurien]\nseed = 1\ntimeout = 1\nkeepalive = 1\napi-token = file\n')
    monkeypatch.setenv('VAURIEN_CONFIG', str(path))
    monkeypatch.setenv('VAURIEN_TIMEOUT', '2')
    monkeypatch.setenv('VAURIEN_KEEPALIVE', '2')
    monkeypatch.setenv('TOXIPROXY_AUTH_TOKEN', 'toxiproxy')
    arguments = parse(['--keepalive', '3'])
    settings = arguments.settings
    assert (settings.seed, settings.timeout, settings.keepalive, settings.api_token) == (1, 2, 3, 'file')
    assert arguments.read_again is not None


@pytest.mark.parametrize(
    ('name', 'value', 'said'),
    [
        ('VAURIEN_BACKEND', 'redis://:secret@a,b', 'VAURIEN_BACKEND: it names several hosts'),
        ('VAURIEN_BEHAVIOR', 'dely', "VAURIEN_BEHAVIOR: unknown behavior 'dely', did you mean 'delay'?"),
        ('VAURIEN_BEHAVIOR_DELAY_SLEEP', 'soon', 'VAURIEN_BEHAVIOR_DELAY_SLEEP: expected a duration'),
        ('VAURIEN_CONFIG', 'no.ini', 'no.ini: cannot read it: No such file'),
    ],
)
def test_mistakes(name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        parse([])
    assert str(caught.value).startswith(said)
