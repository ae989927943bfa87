"""The settings of TLS of `vaurien.Proxy`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tls.serving import AUTHORITY, dial, ping, pong, tls_backend
from vaurien import Proxy
from vaurien.errors import ConfigError


@pytest.mark.parametrize(
    ('settings', 'said'),
    [
        ({'tls': True}, 'tls: expected one of auto, refuse, got True'),
        ({'backend_tls': 'yes'}, "backend_tls: expected bool, got 'yes'"),
        ({'tls': 'auto', 'tls_min': 1.2}, 'tls_min: expected one of 1.2, 1.3, got 1.2'),
        ({'tls': 'auto', 'backend_tls_ca': 7}, 'backend_tls_ca: expected str, got 7'),
    ],
)
def test_mistakes(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        Proxy('localhost:1', **settings)
    assert str(error.value) == said


@pytest.mark.parametrize('is_text', [True, False])
def test_a_file_is_a_path_or_its_text(tmp_path: Path, is_text: bool) -> None:
    path = tmp_path / 'ca.pem'
    AUTHORITY.cert_pem.write_to_path(path)
    ca = path.read_text() if is_text else path
    with (
        tls_backend(pong) as backend,
        Proxy(f'localhost:{backend.port}', tls='auto', backend_tls_ca=ca) as proxy,
        dial(proxy) as client,
    ):
        assert ping(client) == b'+PONG\r\n'
