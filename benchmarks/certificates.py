"""The certificates of what speaks TLS, made once and removed when the process ends."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import trustme

from tests.servers import HOST


def certificate() -> Path:
    """Return the file with the certificate that backends and proxies show, and its key."""
    return _directory() / 'certificate.pem'


def authority() -> Path:
    """Return the file with the certificate of who has signed it."""
    return _directory() / 'authority.pem'


def _directory() -> Path:
    return Path(_make().name)


@cache
def _make() -> tempfile.TemporaryDirectory[str]:
    directory = tempfile.TemporaryDirectory(prefix='vaurien-bench-')
    made = trustme.CA()
    made.cert_pem.write_to_path(Path(directory.name, 'authority.pem'))
    leaf = made.issue_cert('localhost', HOST)
    leaf.private_key_and_cert_chain_pem.write_to_path(Path(directory.name, 'certificate.pem'))
    return directory
