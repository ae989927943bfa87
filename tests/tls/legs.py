"""Which legs of a link are TLS where that begins inside the protocol, and who is to trust whom."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.servers import HOST
from vaurien import Proxy

#: Who has signed the certificate of every backend.
AUTHORITY = trustme.CA()
LEAF = AUTHORITY.issue_cert('localhost', HOST)

LEGS: dict[str, dict[str, Any]] = {
    'both': {'tls': 'auto'},
    'client only': {'proxy_tls': 'auto'},
    'backend only': {'backend_tls': True},
    'refused': {'tls': 'refuse'},
}
#: Whether a client that asks gets TLS, and whether the proxy speaks it with the backend.
IS_SECURE = {
    'both': (True, True),
    'client only': (True, False),
    'backend only': (False, True),
    'refused': (False, False),
}


def server_context() -> ssl.SSLContext:
    """What a backend needs to speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    LEAF.configure_cert(context)
    return context


def make_proxy(port: int, protocol: str, files: Path, legs: str, **settings: Any) -> Proxy:
    """A proxy before the backend at *port* whose *legs* are TLS; *files* are those of the fixture."""
    chosen = {**LEGS[legs], **settings}
    if IS_SECURE[legs][1]:
        chosen['backend_tls_ca'] = str(files / 'backend.pem')
    return Proxy(f'localhost:{port}', protocol, **chosen)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged that somebody ought to see."""
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]
