"""What has an application trust the certificates that proxies show it: variables that its libraries read."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

from vaurien.explore.model import ExploredProxy, Failure

#: The variables that name a file with all authorities to trust: OpenSSL, and with it most of what is not named here;
#: requests, curl, and libpq.
FILES = ('SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'PGSSLROOTCERT')
#: The variable that names a file with more authorities, for Node.js.
MORE = 'NODE_EXTRA_CA_CERTS'
#: What has libpq log in with SCRAM though the certificate is not the one of the backend.
SETTINGS = {'PGCHANNELBINDING': 'disable'}

#: The file that has the authority alone.
AUTHORITY = 'authority.pem'

#: What says that a client was refused TLS.
_MENTION = re.compile(r'SSL|TLS', re.I)
#: What says that TLS is a must, by protocol.
_MUSTS = {
    'postgres': 'sslmode=require in its URL, or PGSSLMODE, does',
    'mysql': 'ssl-mode=REQUIRED in its URL does, and so does ssl_ca',
    'smtp': 'tls=true in its URL does',
}


def trust(ca_pem: str, environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the variables that have one more authority trusted; the files that they name are written to *folder*."""
    (folder / AUTHORITY).write_text(ca_pem)
    found = dict(SETTINGS)
    for name in (*FILES, MORE):
        usual = ssl.get_default_verify_paths().cafile if name in FILES else None
        path = environ.get(name) or usual
        known = Path(path).read_bytes() if path and Path(path).is_file() else b''
        file = folder / f'{name.lower()}.pem'
        file.write_bytes(b'%b\n%b' % (known, ca_pem.encode()))
        found[name] = str(file)
    return found


def explain(failure: Failure | None, proxies: Iterable[ExploredProxy]) -> str:
    """Return that TLS was refused to an application which had to have it, if *failure* is about that; or nothing."""
    if failure is None or not _MENTION.search(failure.message):
        return ''
    return '; '.join(
        f'the proxy {one.name} refuses TLS, for nothing says that it is a must: {_MUSTS[one.protocol]}'
        for one in proxies
        if one.refuses_tls and one.protocol in _MUSTS
    )
