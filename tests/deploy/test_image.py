"""What the image starts, and what it is built from. Its entry point runs as it is, without Docker.

`tests/test_containers.py` starts a proxy with it.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import vaurien
from tests.servers import TIMEOUT
from vaurien.cli.flags import parse

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / 'deploy' / 'compose'
CLOSED = 'The control API listens on localhost, in this container alone'


@pytest.fixture(scope='module')
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a ``vaurien`` that prints its token and its flags."""
    folder = tmp_path_factory.mktemp('image')
    command = folder / 'vaurien'
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$TOXIPROXY_AUTH_TOKEN" "$@"\n')
    command.chmod(0o755)
    return folder


def enter(stand_in: Path, *arguments: str, **environment: str) -> tuple[list[str], str]:
    """Return the lines that the entry point's command prints, and what the entry point says itself."""
    done = subprocess.run(
        [str(ROOT / 'deploy' / 'docker' / 'entrypoint.sh'), *arguments],
        env={'PATH': f'{stand_in}:{os.environ["PATH"]}', **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    return done.stdout.splitlines(), done.stderr


def test_without_a_token_the_api_is_for_the_container_alone(stand_in: Path) -> None:
    flags = ['--proxy=0.0.0.0:8000', '--http', '--http-host=localhost', '--http-port=8474', '--backend', 'cache:6379']
    lines, said = enter(stand_in, '--backend', 'cache:6379')
    assert lines == ['', *flags]
    assert said.startswith(CLOSED)


def test_without_flags_clients_create_the_proxies(stand_in: Path) -> None:
    assert enter(stand_in)[0] == ['', '--http', '--http-host=localhost', '--http-port=8474', '--server']
    assert enter(stand_in, '--seed', '3')[0][-3:] == ['--server', '--seed', '3']


@pytest.mark.parametrize('name', ['VAURIEN_CONFIG', 'VAURIEN_TOXIPROXY_CONFIG', 'VAURIEN_SERVER'])
def test_a_file_of_the_environment_says_which_proxies_there_are(stand_in: Path, name: str) -> None:
    lines, _ = enter(stand_in, **{name: 'file'})
    assert lines == ['', '--http', '--http-host=localhost', '--http-port=8474']


def test_a_server_that_nobody_wants_is_no_file(stand_in: Path) -> None:
    assert '--proxy=0.0.0.0:8000' in enter(stand_in, VAURIEN_SERVER='no', VAURIEN_BACKEND='cache:6379')[0]


@pytest.mark.parametrize('flag', ['--help', '-V'])
def test_who_asks_is_told_nothing_else(stand_in: Path, flag: str) -> None:
    assert enter(stand_in, flag) == (['', flag], '')


@pytest.mark.parametrize('name', ['VAURIEN_BACKEND', 'VAURIEN_PROXY'])
def test_a_proxy_of_the_environment_is_the_only_one(stand_in: Path, name: str) -> None:
    lines, _ = enter(stand_in, **{name: 'cache:6379'})
    address = 'cache:6379' if name == 'VAURIEN_PROXY' else '0.0.0.0:8000'
    assert lines[1] == f'--proxy={address}'
    assert '--server' not in lines


def test_services_of_kubernetes_are_no_settings(stand_in: Path) -> None:
    usual, _ = enter(stand_in)
    lines, _ = enter(stand_in, VAURIEN_HTTP_PORT='tcp://10.0.0.7:8080', VAURIEN_PORT='tcp://10.0.0.7:8000')
    assert lines == usual
    assert '--http-port=9000' in enter(stand_in, VAURIEN_HTTP_PORT='9000')[0]


@pytest.mark.parametrize('name', ['VAURIEN_TOKEN', 'TOXIPROXY_AUTH_TOKEN'])
def test_with_a_token_it_is_for_all(stand_in: Path, name: str) -> None:
    lines, said = enter(stand_in, '--backend', 'cache:6379', **{name: 'secret'})
    assert lines[0] == 'secret'
    assert '--http-host=0.0.0.0' in lines
    assert not said


@pytest.mark.parametrize('flag', ['--api-token=secret', '--http-host=0.0.0.0'])
def test_flags_have_the_last_word(stand_in: Path, flag: str) -> None:
    lines, said = enter(stand_in, flag)
    assert lines[-1] == flag
    assert '--http-host=0.0.0.0' in lines
    assert not said


@pytest.mark.parametrize('flag', ['--proxy=[::]:1', '--config=vaurien.toml', '--server', '--toxiproxy-config=a.json'])
def test_who_names_proxies_gets_no_other(stand_in: Path, flag: str) -> None:
    lines, _ = enter(stand_in, flag)
    assert '--proxy=0.0.0.0:8000' not in lines


def test_another_command(stand_in: Path) -> None:
    assert enter(stand_in, 'vaurien', 'report', 'a folder') == (['', 'report', 'a folder'], '')


@pytest.mark.parametrize(
    ('builder', 'engine'), [('docker', '28.5.2'), ('docker', '20.10.24+dfsg1'), ('podman', ''), ('buildah', '')]
)
def test_each_builder_is_told_what_to_build(tmp_path: Path, builder: str, engine: str) -> None:
    command = tmp_path / builder
    command.write_text(f'#!/bin/sh\n[ "$1" != version ] || exec echo {engine}\necho "$@"\nexec cat\n')
    command.chmod(0o755)
    lines = subprocess.run(
        [str(ROOT / 'scripts' / 'build-image'), '--build-arg', 'PYTHON=3.14'],
        env={'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'BUILDER': builder},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    ).stdout.splitlines()
    given = f'--tag vaurien --tag vaurien:{vaurien.__version__} --build-arg PYTHON=3.14'
    if engine.startswith('28'):
        assert lines == [f'build {given} .']
    else:
        assert lines[0] == f'build {given}{"" if engine else " --format docker"} --file - .'
        (check,) = (line for line in lines if line.startswith('HEALTHCHECK '))
        assert '--start-period=' in check
        assert '--start-interval' not in check


def test_what_the_image_is_built_from_is_there() -> None:
    kept = re.findall(r'^!(.+)$', (ROOT / '.dockerignore').read_text(), re.MULTILINE)
    assert all((ROOT / name).exists() for name in kept)
    copied = re.findall(r'^COPY (deploy/\S+) ', (ROOT / 'Dockerfile').read_text(), re.MULTILINE)
    assert copied
    assert set(copied) <= set(kept)
    assert {path.name for path in ROOT.glob('setup.*')} | {'pyproject.toml'} <= set(kept)
    packages = {path.parent.name for path in ROOT.glob('*/__init__.py')}
    assert {name for name in packages if name.startswith(('loads', 'vaurien'))} <= set(kept)


@pytest.mark.parametrize('name', ['compose.yaml', 'server.yaml'])
def test_what_compose_starts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    services: dict[str, Any] = yaml.safe_load((COMPOSE / name).read_text())['services']
    container = services['vaurien']
    monkeypatch.chdir(COMPOSE)
    settings = parse([word.replace('/etc/', '') for word in container['command']]).settings
    proxies = settings.each_proxy
    assert {proxy.backend.host for proxy in proxies if proxy.backend} <= services.keys()
    published = {int(port.rpartition(':')[2]) for port in container['ports']}
    assert published <= {8474, *(proxy.proxy.port for proxy in proxies)}
    assert all(proxy.proxy.host == '0.0.0.0' for proxy in proxies)
