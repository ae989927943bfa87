"""Rules that TLS is needed for are not armed where they could never be applied."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.control.test_by_name import refused
from tests.peers import RawBackend
from tests.toxiproxy.asking import Toxiproxy
from vaurien import Proxy
from vaurien.errors import OptionError
from vaurien.tls import needs
from vaurien.tls.authority import Authority

WITHOUT = 'it needs tls or proxy_tls: TLS is not spoken with clients'
BOTH = 'it is for what follows on a handshake, and the rule is for handshakes'


@pytest.mark.parametrize('legs', [{}, {'backend_tls': True}, {'tls': 'refuse'}])
@pytest.mark.parametrize(
    ('rule', 'path'),
    [
        ('certificate', 'certificate.problem'),
        ('error(alert=internal_error)', 'error.alert'),
        ('error(plain=true)', 'error.plain'),
        ('hang(after=server_hello)', 'hang.after'),
        ('abort(after=certificate)', 'abort.after'),
        ('abort(tls=truncate)', 'abort.tls'),
        ("20:dummy,10:delay(match='tls sni=*')", 'delay.match'),
    ],
)
def test_without_tls_with_clients(raw_backend: RawBackend, legs: dict[str, Any], rule: str, path: str) -> None:
    with Proxy(raw_backend.address, 'smtp', **legs) as proxy, pytest.raises(OptionError) as error:
        proxy.set_behavior(rule)
    assert str(error.value) == f'{path}: {WITHOUT}'


@pytest.mark.parametrize('rule', ['abort(tls=bad-mac, after=certificate)', "abort(tls=bad-mac, match='TLS *')"])
def test_a_handshake_has_no_end_of_a_session(raw_backend: RawBackend, rule: str) -> None:
    with Proxy(raw_backend.address, proxy_tls='auto') as proxy, pytest.raises(OptionError) as error:
        proxy.set_behavior(rule)
    assert str(error.value) == f'abort.tls: {BOTH}'


def test_over_the_api(toxiproxy: Toxiproxy) -> None:
    toxiproxy.create('redis', protocol='redis')
    error = refused(toxiproxy('PUT', '/proxies/redis/behavior', {'name': 'certificate'}), 400)
    assert error == {'location': 'body', 'name': 'certificate.problem', 'description': WITHOUT}


def test_certificates_without_the_package(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a certificate from a file, nothing else needs it: not even the other faults of handshakes."""
    monkeypatch.setitem(sys.modules, 'trustme', None)
    monkeypatch.setattr(needs, 'get_authority', Authority)  # not the one that there is by now
    with closing(RawBackend()) as backend, Proxy(backend.address, proxy_tls=str(files / 'own.pem')) as proxy:
        proxy.set_behavior('error', alert='internal_error')
        with pytest.raises(OptionError) as error:
            proxy.set_behavior('certificate')
    assert str(error.value) == "certificate.problem: it needs trustme: pip install 'vaurien[tls]'"
