"""Certificates from files: what is taken, and what is said of a file that is of no use."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import trustme

from tests.descriptors import descriptors, wait_until_none_is_left
from vaurien.errors import ConfigError
from vaurien.tls.certificates import Certificate, read_certificate, trust

AUTHORITY = trustme.CA()
LEAF, OTHER = AUTHORITY.issue_cert('localhost'), AUTHORITY.issue_cert('localhost')
CHAIN, KEY = LEAF.cert_chain_pems[0].bytes(), LEAF.private_key_pem.bytes()


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def test_one_file_or_two(tmp_path: Path) -> None:
    both = read_certificate(write(tmp_path / 'both', KEY + CHAIN), None, 'proxy_tls')
    two = read_certificate(write(tmp_path / 'cert', CHAIN), write(tmp_path / 'key', KEY), 'proxy_tls')
    for certificate in (both, two):
        certificate.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


def test_no_key_reaches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = descriptors()
    Certificate(CHAIN, KEY).load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert list(tmp_path.iterdir()) == []
    wait_until_none_is_left(before)


PROBLEMS = {
    'no file': (None, None, 'proxy_tls: cannot read {cert}: No such file or directory'),
    'no PEM': (b'hello', None, 'proxy_tls: {cert}: no certificate and key in PEM'),
    'nothing': (b'', None, 'proxy_tls: {cert}: no certificate and key in PEM'),
    'no key': (CHAIN, None, 'proxy_tls: {cert}: no certificate and key in PEM'),
    'no certificate': (KEY, None, 'proxy_tls: {cert}: no certificate and key in PEM'),
    'the key of another': (
        CHAIN,
        OTHER.private_key_pem.bytes(),
        'proxy_tls: {cert}, {key}: the key is not that of the certificate',
    ),
}


@pytest.mark.parametrize('name', PROBLEMS)
def test_what_is_of_no_use(tmp_path: Path, name: str) -> None:
    chain, key, problem = PROBLEMS[name]
    cert_file, key_file = tmp_path / 'cert', tmp_path / 'key'
    if chain is not None:
        write(cert_file, chain)
    if key is not None:
        write(key_file, key)
    with pytest.raises(ConfigError) as error:
        read_certificate(str(cert_file), None if key is None else str(key_file), 'proxy_tls')
    assert str(error.value) == problem.format(cert=cert_file, key=key_file)


@pytest.mark.parametrize(
    ('begins', 'ends', 'problem'),
    [(-20, -10, 'the certificate has expired'), (10, 20, 'the certificate is not valid yet')],
)
def test_its_time_is_another(tmp_path: Path, begins: int, ends: int, problem: str) -> None:
    now = datetime.now(timezone.utc)
    leaf = trustme.CA().issue_cert('localhost', not_before=now + timedelta(begins), not_after=now + timedelta(ends))
    file = write(tmp_path / 'both', leaf.private_key_and_cert_chain_pem.bytes())
    with pytest.raises(ConfigError) as error:
        read_certificate(file, None, 'proxy_tls')
    assert str(error.value) == f'proxy_tls: {file}: {problem}'


def test_an_encrypted_key_asks_nobody(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(KEY, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b'secret'),
    )
    with pytest.raises(ConfigError, match='no certificate and key in PEM'):
        read_certificate(write(tmp_path / 'both', key + CHAIN), None, 'proxy_tls')


@pytest.mark.parametrize('data', [b'', b'hello', KEY, b'\xff\xfe'])
def test_authorities_of_no_use(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ConfigError, match=r'backend_tls_ca: .*: no certificates in PEM'):
        trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), write(tmp_path / 'ca', data), 'backend_tls_ca')
