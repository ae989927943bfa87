"""Fixtures for tests of TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.behaviors.mail import Mailbox, mail_server
from tests.servers import Server
from tests.tls.legs import AUTHORITY, LEAF
from vaurien.tls.authority import get_authority


@pytest.fixture(scope='session')
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the authorities of backend and proxy, ``backend.pem`` and ``proxy.pem``.

    In ``own.pem`` is the certificate of the backend with its key, and in ``all.pem`` its authority, too.
    """
    path = tmp_path_factory.mktemp('tls')
    AUTHORITY.cert_pem.write_to_path(path / 'backend.pem')
    LEAF.private_key_and_cert_chain_pem.write_to_path(path / 'own.pem')
    (path / 'all.pem').write_bytes((path / 'own.pem').read_bytes() + AUTHORITY.cert_pem.bytes())
    (path / 'proxy.pem').write_bytes(get_authority().pem)
    return path


@pytest.fixture(scope='session')
def https_server(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[Server]:
    """An nginx that speaks TLS; `servers.nginx` lists what it serves."""
    with servers.nginx(tmp_path_factory.mktemp('https'), files / 'own.pem') as server:
        yield server


@pytest.fixture(scope='session')
def mailbox() -> Iterator[Mailbox]:
    """A mail server that does not speak TLS."""
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture(scope='session')
def secure_redis(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[Server]:
    """A redis-server that speaks TLS with whom it knows: each test uses keys of its own."""
    with servers.redis(tmp_path_factory.mktemp('redis'), files / 'all.pem') as server:
        yield server


@pytest.fixture(scope='session')
def secure_memcached(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[Server]:
    """A memcached that speaks TLS: each test uses keys of its own."""
    flags = ['-Z', '-o', f'ssl_chain_cert={files}/own.pem,ssl_key={files}/own.pem']
    with servers.memcached(tmp_path_factory.mktemp('memcached'), *flags) as server:
        yield server


@pytest.fixture(scope='session')
def secure_postgres() -> Iterator[Server]:
    """A PostgreSQL that speaks TLS, also with those that do not ask for it."""
    with servers.postgres(LEAF.private_key_and_cert_chain_pem.bytes()) as server:
        yield server


@pytest.fixture(scope='session')
def secure_mariadb(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[Server]:
    """A MariaDB that speaks TLS with clients that ask for it."""
    flags = f'--ssl-cert={files}/own.pem', f'--ssl-key={files}/own.pem'
    with servers.mariadb(tmp_path_factory.mktemp('mariadb'), *flags) as server:
        yield server
