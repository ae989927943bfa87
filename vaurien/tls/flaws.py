"""Certificates that something is wrong with, made to order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from typing import TYPE_CHECKING

from vaurien.plugins.handshake import Problem
from vaurien.tls.certificates import Certificate

if TYPE_CHECKING:
    import trustme
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

_DAY = timedelta(days=1)
#: The shortest key that can still be made. Clients of today want at least 2,048 bits.
WEAK_BITS = 1024
_ELSEWHERE = 'wrong.host.invalid'


def issue_flawed(problem: Problem, names: Sequence[str], authority: trustme.CA) -> Certificate:
    """Return a certificate for *names* with that *problem*; *authority* is the one that clients trust."""
    return _MAKERS[problem](names, authority)


def make_certificate(leaf: trustme.LeafCert) -> Certificate:
    """Return a leaf of an authority as the chain that servers show."""
    return Certificate(b''.join(pem.bytes() for pem in leaf.cert_chain_pems), leaf.private_key_pem.bytes())


def _issue_expired(names: Sequence[str], authority: trustme.CA) -> Certificate:
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return make_certificate(authority.issue_cert(*names, not_before=now - 2 * _DAY, not_after=now - _DAY))


def _issue_early(names: Sequence[str], authority: trustme.CA) -> Certificate:
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return make_certificate(authority.issue_cert(*names, not_before=now + _DAY, not_after=now + 2 * _DAY))


def _issue_elsewhere(names: Sequence[str], authority: trustme.CA) -> Certificate:
    return make_certificate(authority.issue_cert(_ELSEWHERE))


def _issue_unknown(names: Sequence[str], authority: trustme.CA) -> Certificate:
    import trustme

    return make_certificate(trustme.CA(organization_name='Nobody').issue_cert(*names))


def _issue_incomplete(names: Sequence[str], authority: trustme.CA) -> Certificate:
    leaf = authority.create_child_ca().issue_cert(*names)
    return Certificate(leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes())


def _issue_self_signed(names: Sequence[str], authority: trustme.CA) -> Certificate:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    return _build(names, key, _name(names[0]), key)


def _issue_weak(names: Sequence[str], authority: trustme.CA) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    signer = load_pem_private_key(authority.private_key_pem.bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
    return _build(names, rsa.generate_private_key(65537, WEAK_BITS), issuer, signer)


def _build(
    names: Sequence[str],
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
) -> Certificate:
    """Return a certificate for *names* and *key* that *signer* has signed in the name of *issuer*."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(issuer, _name(names[0]), key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 365 * _DAY)
        .add_extension(x509.SubjectAlternativeName(map(_make_alternative, names)), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return Certificate(
        certificate.public_bytes(pem),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _make_alternative(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode('idna').decode())


def _name(name: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])


_MAKERS: dict[Problem, Callable[[Sequence[str], trustme.CA], Certificate]] = {
    'expired': _issue_expired,
    'not-yet-valid': _issue_early,
    'wrong-host': _issue_elsewhere,
    'self-signed': _issue_self_signed,
    'unknown-ca': _issue_unknown,
    'incomplete-chain': _issue_incomplete,
    'weak-key': _issue_weak,
}
