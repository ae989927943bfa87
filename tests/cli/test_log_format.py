"""``--log-format``, and which proxy a line of the log is about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.commands import StartCommand
from tests.peers import Peer
from tests.servers import TIMEOUT, Server

CONFIG = """
[vaurien]
backend = "{backend}"
log-format = "{form}"
behavior = "100:delay(sleep=0)"

[proxy.a]

[proxy.b]
behavior = "100:abort"
"""


@pytest.mark.parametrize('form', ['text', 'json'])
def test_the_lines_of_several_proxies(
    form: str, vaurien_command: StartCommand, echo_server: Server, tmp_path: Path
) -> None:
    path = tmp_path / 'vaurien.toml'
    path.write_text(CONFIG.format(backend=echo_server.address, form=form))
    command = vaurien_command('--server', '--config', str(path))
    for name, answer in (('a', b'ping'), ('b', b'')):
        status = requests.get(f'{command.api}/proxies/{name}/status', timeout=TIMEOUT).json()
        with Peer.connect(int(status['proxy'].rpartition(':')[2])) as peer:
            peer.send(b'ping')
            assert peer.recv() == answer
    said = [command.wait_for_log(f'{name} on ').string for name in ('delay', 'abort')]
    if form == 'text':
        assert [line.partition('INFO ')[2] for line in said] == [
            'proxy a: link 1 exchange 1: delay on 4 bytes',
            'proxy b: link 1 exchange 1: abort on 4 bytes',
        ]
    else:
        assert [_read(line) for line in said] == [
            ('a', 1, 1, 'delay', '4 bytes', 'proxy a: link 1 exchange 1: delay on 4 bytes'),
            ('b', 1, 1, 'abort', '4 bytes', 'proxy b: link 1 exchange 1: abort on 4 bytes'),
        ]
    assert command.stop()[0] == 0


def _read(line: str) -> tuple[Any, ...]:
    fields = json.loads(line)
    return tuple(fields[name] for name in ('proxy', 'link', 'exchange', 'behavior', 'request', 'message'))
