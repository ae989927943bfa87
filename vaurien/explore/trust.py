"""What has an application trust the certificates that proxies show it: variables that its libraries read."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

#: The variables that name a file with all authorities to trust: OpenSSL, and with it most of what is not named here;
#: requests, curl, and libpq.
FILES = ('SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'PGSSLROOTCERT')
#: The variable that names a file with more authorities, for Node.js.
MORE = 'NODE_EXTRA_CA_CERTS'


def trust(ca_pem: str, environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the variables that have one more authority trusted; the files that they name are written to *folder*."""
    found = {}
    for name in (*FILES, MORE):
        usual = ssl.get_default_verify_paths().cafile if name in FILES else None
        path = environ.get(name) or usual
        known = Path(path).read_bytes() if path and Path(path).is_file() else b''
        file = folder / f'{name.lower()}.pem'
        file.write_bytes(b'%b\n%b' % (known, ca_pem.encode()))
        found[name] = str(file)
    return found
