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
    """A directory with the authorities of backend and proxy, ``backend.pem`` and ``proxy.pem``; in ``own.pem`` is the
    certificate of the backend, with its key.
    """
    path = tmp_path_factory.mktemp('tls')
    AUTHORITY.cert_pem.write_to_path(path / 'backend.pem')
    LEAF.private_key_and_cert_chain_pem.write_to_path(path / 'own.pem')
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
