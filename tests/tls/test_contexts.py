"""The contexts of both legs: which are kept, and which settings are refused."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.tls.legs import LEAF
from vaurien.errors import ConfigError
from vaurien.settings import ProxySettings
from vaurien.tls import contexts
from vaurien.tls.contexts import BackendLeg, ClientLeg, Legs


def test_plain_by_default() -> None:
    assert Legs.of(ProxySettings()) is None


@pytest.mark.parametrize(
    ('settings', 'client', 'backend'),
    [
        ({'tls': 'auto'}, True, True),
        ({'proxy_tls': 'auto'}, True, False),
        ({'backend_tls': True}, False, True),
    ],
)
def test_which_legs(settings: dict[str, Any], client: bool, backend: bool) -> None:
    legs = Legs.of(ProxySettings(**settings))
    assert legs is not None
    assert (legs.client is not None, legs.backend is not None) == (client, backend)


def test_no_legs_and_requests_that_are_refused() -> None:
    assert Legs.of(ProxySettings(tls='refuse')) == (None, None)


def test_which_certificate_every_client_is_shown(files: Path) -> None:
    shown = LEAF.cert_chain_pems[0].bytes().decode()
    own = ClientLeg(ProxySettings(proxy_tls=str(files / 'own.pem')))
    assert own.shows(ssl.PEM_cert_to_DER_cert(shown))
    assert not own.shows(ssl.PEM_cert_to_DER_cert((files / 'backend.pem').read_text()))
    assert not ClientLeg(ProxySettings(tls='auto')).shows(ssl.PEM_cert_to_DER_cert(shown))


def test_a_name_and_a_protocol_have_one_context() -> None:
    """Tickets are of use to the context that has given them only."""
    leg = ClientLeg(ProxySettings(tls='auto'))
    one = leg.find_context('a.example.com', '127.0.0.1', 'http/1.1')
    assert leg.find_context('a.example.com', '127.0.0.2', 'http/1.1') is one
    assert leg.find_context('b.example.com', '127.0.0.1', 'http/1.1') is not one
    assert leg.find_context('a.example.com', '127.0.0.1', '') is not one


def test_a_name_that_nobody_can_have_gets_the_usual_certificate() -> None:
    leg = ClientLeg(ProxySettings(tls='auto'))
    assert leg.find_context('a..b', '127.0.0.1', '') is leg.find_context('', '127.0.0.1', '')


def test_contexts_that_are_not_used_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, 'KEPT', 2)
    leg = BackendLeg(ProxySettings(tls='auto'))
    one = leg.find_context(['h2'])
    for protocol in ('a', 'b'):
        assert leg.find_context(['h2']) is one
        leg.find_context([protocol])
    leg.find_context(['c'])
    assert leg.find_context(['h2']) is not one


def test_without_verification() -> None:
    context = BackendLeg(ProxySettings(backend_tls=True, backend_tls_verify=False)).find_context([])
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    context = BackendLeg(ProxySettings(backend_tls=True)).find_context([])
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_versions() -> None:
    settings = ProxySettings(tls='auto', tls_min='1.2', tls_max='1.2')
    for context in (ClientLeg(settings).find_context('a', '', ''), BackendLeg(settings).find_context([])):
        assert context.minimum_version == context.maximum_version == ssl.TLSVersion.TLSv1_2


def test_keys_are_logged(tmp_path: Path) -> None:
    path = tmp_path / 'keys'
    assert BackendLeg(ProxySettings(tls='auto', tls_keylog=str(path))).find_context([]).keylog_filename == str(path)


@pytest.mark.parametrize(
    ('settings', 'problem'),
    [
        ({'proxy_tls_client_ca': 'x'}, 'proxy_tls_client_ca: it needs proxy_tls: clients are not asked'),
        ({'proxy_tls': 'auto', 'backend_tls_ca': 'x'}, 'backend_tls_ca: it needs backend_tls: TLS is not spoken'),
        ({'tls': 'refuse', 'proxy_tls': 'auto'}, 'proxy_tls: clients cannot have TLS and be refused it'),
        ({'backend_tls_name': 'x'}, 'backend_tls_name: it needs backend_tls'),
        ({'tls': 'auto', 'backend_tls_key': 'x'}, 'backend_tls_key: it needs backend_tls_cert'),
        ({'tls': 'auto', 'tls_min': '1.3', 'tls_max': '1.2'}, 'tls_min: it is higher than tls_max'),
        ({'tls': 'auto', 'tls_keylog': '/nowhere/keys'}, 'tls_keylog: cannot write /nowhere/keys: No such file'),
        ({'tls': 'auto', 'backend_tls_ca': '/nowhere'}, 'backend_tls_ca: cannot read /nowhere: No such file'),
        ({'tls': 'auto', 'backend_tls_name': 'a..b'}, 'backend_tls_name: it is not the name of a machine'),
        ({'tls': 'auto', 'backend_tls_name': 'a\0b'}, 'backend_tls_name: it is not the name of a machine'),
        ({'tls': 'auto', 'backend_tls_name': ''}, 'backend_tls_name: it is not the name of a machine'),
        ({'proxy_tls': '/nowhere:/key'}, 'proxy_tls: cannot read /nowhere: No such file'),
    ],
)
def test_what_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        Legs.of(ProxySettings(**settings))
    assert str(error.value).startswith(problem)
