"""``vaurien explore`` where the application speaks TLS: the proxies do, too, and the command trusts them."""

from __future__ import annotations

import sys

import pytest

from tests.commands import call
from tests.servers import Server
from vaurien.cli.explore import main

#: Commands that ask a server of HTTPS, and believe no certificate that they cannot check.
COMMANDS = [
    [sys.executable, '-c', 'import os, urllib.request; urllib.request.urlopen(os.environ["API_URL"] + "/").read()'],
    ['node', '-e', 'fetch(process.env.API_URL + "/").then(reply => reply.text())'],
    ['sh', '-c', 'curl --silent --fail "$API_URL/"'],
]


@pytest.mark.parametrize('command', COMMANDS, ids=['python', 'node', 'curl'])
def test_the_command_trusts_the_proxy(
    https_server: Server, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv('API_URL', f'https://{https_server.address}')
    result = call(main, '--vaurien', 'http:API_URL', '--max', '1', '--', *command)
    assert 'tried 1 of ' in result.stdout, result.stdout + result.stderr
    assert 'GET / ' in result.stdout
