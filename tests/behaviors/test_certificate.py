"""Certificates that something is wrong with: what OpenSSL says of each, and that careless clients are served."""

from __future__ import annotations

import ssl

import pytest
from cryptography import x509

from tests.servers import HOST
from tests.tls.serving import dial, ping, tls_proxy
from vaurien.plugins.handshake import Problem
from vaurien.tls.authority import get_authority

PROBLEMS = {
    'expired': 'certificate has expired',
    'not-yet-valid': 'certificate is not yet valid',
    'wrong-host': "certificate is not valid for 'localhost'",
    'self-signed': 'self-signed certificate',
    'unknown-ca': 'unable to get local issuer certificate',
    'incomplete-chain': 'unable to get local issuer certificate',
    'weak-key': 'EE certificate key too weak',
}


@pytest.mark.parametrize('problem', PROBLEMS)
def test_a_wrong_certificate(problem: str) -> None:
    with tls_proxy() as proxy:
        proxy.set_behavior('certificate', problem=problem)
        with pytest.raises(ssl.SSLCertVerificationError, match=PROBLEMS[problem]):
            dial(proxy)
        careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
        if problem == 'weak-key':
            careless.set_ciphers('DEFAULT:@SECLEVEL=0')
        with dial(proxy, careless) as sock:
            assert ping(sock) == b'+PONG\r\n'
        assert [(fault.behavior, fault.exchange, fault.request) for fault in proxy.faults()] == [
            ('certificate', 0, 'TLS sni=localhost')
        ] * 2


@pytest.mark.parametrize('problem', PROBLEMS)
def test_a_wrong_certificate_has_all_names_of_a_right_one(problem: str) -> None:
    """Of a client that connects to an address, which does not ask for a name."""
    error = 'IP address mismatch' if problem == 'wrong-host' else PROBLEMS[problem]
    with tls_proxy() as proxy:
        proxy.set_behavior('certificate', problem=problem)
        with pytest.raises(ssl.SSLCertVerificationError, match=error):
            dial(proxy, name=HOST)


@pytest.mark.parametrize('problem', ['self-signed', 'weak-key', 'unknown-ca', 'incomplete-chain'])
def test_the_problem_is_the_only_one(problem: Problem) -> None:
    certificate = get_authority().issue('localhost', HOST, problem=problem)
    leaf = x509.load_pem_x509_certificate(certificate.chain)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ['localhost']
    assert list(map(str, names.get_values_for_type(x509.IPAddress))) == [HOST]


def test_the_second_handshake() -> None:
    with tls_proxy() as proxy:
        proxy.set_behavior('certificate', problem='expired', nth=2)
        dial(proxy).close()
        with pytest.raises(ssl.SSLCertVerificationError):
            dial(proxy)
        dial(proxy).close()
