"""The variables that have libraries trust one more authority: what they trust already, they go on to trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from vaurien.explore.model import ExploredProxy, Failure
from vaurien.explore.trust import AUTHORITY, FILES, MORE, SETTINGS, explain, trust

OWN = trustme.CA()
OWN_PEM = OWN.cert_pem.bytes().decode()


def count_authorities(path: str) -> int:
    """Return how many certificates of authorities OpenSSL reads from a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    return len(context.get_ca_certs())


def test_each_variable_names_a_file_with_the_authority(tmp_path: Path) -> None:
    found = trust(OWN_PEM, {}, tmp_path)
    assert {name: found.pop(name) for name in SETTINGS} == {'PGCHANNELBINDING': 'disable'}
    assert set(found) == {*FILES, MORE}
    for path in found.values():
        assert OWN_PEM in Path(path).read_text()
    assert (tmp_path / AUTHORITY).read_text() == OWN_PEM
    usual = ssl.get_default_verify_paths().cafile
    assert count_authorities(found['SSL_CERT_FILE']) == 1 + (count_authorities(usual) if usual else 0)
    assert count_authorities(found[MORE]) == 1  # Node.js has its own beside it


def test_what_a_variable_has_named_is_still_trusted(tmp_path: Path) -> None:
    other = tmp_path / 'other.pem'
    trustme.CA().cert_pem.write_to_path(str(other))
    (tmp_path / 'new').mkdir()
    environ = {'REQUESTS_CA_BUNDLE': str(other), MORE: str(other)}
    found = trust(OWN_PEM, environ, tmp_path / 'new')
    assert count_authorities(found['REQUESTS_CA_BUNDLE']) == count_authorities(found[MORE]) == 2


def test_a_file_that_is_not_there_is_no_mistake(tmp_path: Path) -> None:
    assert count_authorities(trust(OWN_PEM, {MORE: str(tmp_path / 'none.pem')}, tmp_path)[MORE]) == 1


REFUSING = ExploredProxy(name='db', protocol='postgres', refuses_tls=True)


@pytest.mark.parametrize(
    ('message', 'proxies', 'said'),
    [
        (
            'server does not support SSL, but SSL was required',
            [REFUSING],
            'the proxy db refuses TLS, for nothing says that it is a must: '
            'sslmode=require in its URL, or PGSSLMODE, does',
        ),
        ('server does not support SSL, but SSL was required', [ExploredProxy(name='db', protocol='postgres')], ''),
        ('it is not there', [REFUSING], ''),
    ],
)
def test_whoever_was_refused_tls_is_told_why(message: str, proxies: list[ExploredProxy], said: str) -> None:
    assert explain(Failure(phase='call', message=message), proxies) == said
    assert explain(None, proxies) == ''
