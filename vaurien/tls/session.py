"""A session of TLS without a connection: what it reads and writes is in memory."""

from __future__ import annotations

import ssl
from typing import NamedTuple

#: X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of openssl/x509_vfy.h.
_OF_ANOTHER = {62, 64}


class Session(NamedTuple):
    """A session, and the two buffers between it and its connection."""

    tls: ssl.SSLObject
    #: What has arrived.
    incoming: ssl.MemoryBIO
    #: What is to be sent.
    outgoing: ssl.MemoryBIO

    @classmethod
    def for_client(cls, context: ssl.SSLContext) -> Session:
        """Return a session with a client, to whom this is the server."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        return cls(context.wrap_bio(incoming, outgoing, server_side=True), incoming, outgoing)

    @classmethod
    def for_backend(cls, context: ssl.SSLContext, name: str, resumed: ssl.SSLSession | None = None) -> Session:
        """Return a session with a backend of that *name*. *resumed* is an earlier one, which may be gone on with."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        return cls(context.wrap_bio(incoming, outgoing, server_hostname=name, session=resumed), incoming, outgoing)

    @property
    def leaves_tickets(self) -> bool:
        """Whether only session tickets are left to send after the handshake.

        The client does not wait for them (RFC 8446, 4.6.1).
        """
        return self.tls.server_side and self.tls.version() == 'TLSv1.3'

    def shake_hands(self) -> bool:
        """Go on with the handshake; return whether it is done. Raise `ssl.SSLError` if it fails."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True


def advise(error: ssl.SSLError) -> str:
    """Return what to do about a backend whose certificate was not accepted; nothing for another error."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return ''
    is_of_another = error.verify_code in _OF_ANOTHER
    remedy = '--backend-tls-name NAME says whose it is' if is_of_another else '--backend-tls-ca FILE says whom to trust'
    return f' ({remedy}, --backend-tls-verify no accepts any)'


def explain(error: OSError) -> str:
    """Return in plain words why TLS with a peer has failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f'the certificate is not accepted: {error.verify_message}'
    if isinstance(error, ssl.SSLEOFError):
        return 'the connection has ended'
    if not isinstance(error, ssl.SSLError):
        return error.strerror or str(error)
    reason = (error.reason or 'unknown').lower().replace('_', ' ')
    for version in ('sslv3 alert ', 'tlsv1 alert ', 'tlsv13 alert '):
        if reason.startswith(version):
            return f'the peer says: {reason.removeprefix(version)}'
    return reason
