"""The certificate that clients have to trust, over the API, in `Client` and in ``vaurienctl``."""

from __future__ import annotations

import ssl

import requests

from tests.commands import Command, run
from vaurien.client import Client
from vaurien.control.authority import CONTENT_TYPE


def test_it_is_a_certificate_and_no_key(server: Command) -> None:
    answer = requests.get(f'{server.api}/tls/ca.pem', timeout=10)
    assert answer.status_code == 200
    assert answer.headers['Content-Type'] == CONTENT_TYPE
    assert 'PRIVATE' not in answer.text
    ssl.create_default_context(cadata=answer.text)


def test_everybody_gives_the_same(server: Command) -> None:
    pem = Client(port=server.control_port).ca_pem()
    assert pem == requests.get(f'{server.api}/tls/ca.pem', timeout=10).text
    result = run('vaurienctl', '--host', server.api, 'ca')
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, pem.strip(), '')
