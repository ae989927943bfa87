"""memcached over TLS."""

from __future__ import annotations

import ssl
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pymemcache import MemcacheServerError  # type: ignore[import-untyped]
from pymemcache.client.base import Client  # type: ignore[import-untyped]

from tests.servers import TIMEOUT, Server
from vaurien import Proxy


def test_pymemcache(secure_memcached: Server, files: Path) -> None:
    backend = f'localhost:{secure_memcached.port}'
    with Proxy(backend, 'memcache', tls='auto', backend_tls_ca=str(files / 'backend.pem')) as proxy:
        context = ssl.create_default_context(cafile=proxy.ca_file)
        settings: Any = {'timeout': TIMEOUT, 'tls_context': context, 'default_noreply': False}
        with closing(Client(('localhost', proxy.address.port), **settings)) as client:
            values = {f'tls:{i}': b'%d' % i * 100_000 for i in range(5)}
            for key, value in values.items():  # one after the other: see docs/tls.md
                assert client.set(key, value)
            assert client.get_many(values) == values
            with proxy.with_behavior('error', match='set tls:0*'), pytest.raises(MemcacheServerError):
                client.set('tls:0', b'')
            assert client.get('tls:1') == values['tls:1']
