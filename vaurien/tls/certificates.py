"""Certificates with their keys, and how a context gets them without a key on the disk."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from vaurien.console.files import read_file
from vaurien.errors import ConfigError
from vaurien.settings import is_pem
from vaurien.tls.session import Session

#: No chain of certificates is longer, and no list of authorities.
_FILE_MAX = 4 << 20

_END = b'-----END CERTIFICATE-----'

#: What OpenSSL says of a certificate whose time has not come, or is over (verify_code in openssl/x509_vfy.h).
_OUT_OF_DATE = {9: 'the certificate is not valid yet', 10: 'the certificate has expired'}


@dataclass(frozen=True)
class Certificate:
    """A chain of certificates, the server's or client's own first, and its key; both as PEM."""

    chain: bytes
    key: bytes

    @property
    def first(self) -> str:
        """The server's or client's own certificate, in PEM."""
        begin = self.chain.index(b'-----BEGIN CERTIFICATE')
        return self.chain[begin : self.chain.index(_END, begin) + len(_END)].decode('ascii')

    def load_into(self, context: ssl.SSLContext) -> None:
        """Have *context* show the chain. Raise `ssl.SSLError` if the key does not belong to it.

        The standard library reads files only.
        """
        with _store(self.key + b'\n' + self.chain) as path:
            context.load_cert_chain(path, password=_refuse_password)


if hasattr(os, 'memfd_create'):

    @contextmanager
    def _store(data: bytes) -> Iterator[str]:
        """Have a file with *data* within the block, which is in memory, and which nobody else can open."""
        descriptor = os.memfd_create('vaurien')
        try:
            with os.fdopen(descriptor, 'wb', closefd=False) as file:
                file.write(data)
            yield f'/proc/self/fd/{descriptor}'
        finally:
            os.close(descriptor)

else:

    @contextmanager
    def _store(data: bytes) -> Iterator[str]:
        """Have a file with *data* within the block, in a folder that only this user can open."""
        with TemporaryDirectory(prefix='vaurien-') as folder:
            path = Path(folder, 'certificate.pem')
            path.write_bytes(data)
            yield str(path)


def read_certificate(cert: str, key: str | None, field: str) -> Certificate:
    """Return a certificate with its key, which may be in one file. Raise `ConfigError`, with *field*, for others."""
    certificate = Certificate(read_pem(cert, field), b'' if key is None else read_pem(key, field))
    try:
        certificate.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    except ssl.SSLError as error:
        is_foreign = error.reason == 'KEY_VALUES_MISMATCH'
        problem = 'the key is not that of the certificate' if is_foreign else 'no certificate and key in PEM'
        raise _refuse(problem, field, cert, key) from None
    if late := _OUT_OF_DATE.get(_verify(certificate)):
        raise _refuse(late, field, cert, key)
    return certificate


def _verify(certificate: Certificate) -> int:
    """Return what OpenSSL finds wrong with a certificate that is its own authority; 0 for nothing.

    The standard library does not read certificates. But the two sides of a handshake in memory do.
    """
    shown, believes = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    certificate.load_into(shown)
    believes.check_hostname = False
    believes.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    believes.load_verify_locations(cadata=certificate.first)
    server, client = Session.for_client(shown), Session.for_backend(believes, 'localhost')
    try:
        while not client.shake_hands():
            server.incoming.write(client.outgoing.read())
            server.shake_hands()
            client.incoming.write(server.outgoing.read())
    except ssl.SSLCertVerificationError as error:
        return error.verify_code
    except ssl.SSLError:  # it is for something else
        return 0
    return 0


def read_pem(source: str, field: str) -> bytes:
    """Return a text in PEM, or what is in a file. Raise `ConfigError`, with *field*, if it cannot be read."""
    if is_pem(source):
        return source.encode(errors='replace')
    try:
        return read_file(source, _FILE_MAX)
    except OSError as error:
        raise ConfigError(f'cannot read {source}: {error.strerror}', field) from None


def trust(context: ssl.SSLContext, source: str, field: str) -> None:
    """Have *context* believe the authorities in a file or text. Raise `ConfigError`, with *field*, if it has none."""
    try:
        context.load_verify_locations(cadata=read_pem(source, field).decode('ascii', 'backslashreplace'))
    except (ssl.SSLError, ValueError):
        raise _refuse('no certificates in PEM', field, source) from None


def _refuse(problem: str, field: str, *sources: str | None) -> ConfigError:
    """Return the error for *sources* that are of no use. It names files only: a text may be a key."""
    paths = ', '.join(source for source in sources if source is not None and not is_pem(source))
    return ConfigError(f'{paths}: {problem}' if paths else problem, field)


def _refuse_password() -> str:
    """Give no password for a key: OpenSSL would ask the terminal."""
    return ''
