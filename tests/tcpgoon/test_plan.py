"""What is checked before a connection is opened. `test_flags` has every mistake as one line."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from tests.tcpgoon.dialing import target
from vaurien.address import Address
from vaurien.errors import ConfigError
from vaurien.tcpgoon.handshake import Recipe
from vaurien.tcpgoon.plan import Test as Plan, check_limits, check_name, make_context, plan, unescape
from vaurien.tcpgoon.settings import Settings

#: More than the kernel allows any process (fs.nr_open), and more than there are local ports.
TOO_MANY = 2_000_000_000


def test_a_test_of_one_target() -> None:
    (test,) = plan(Settings(send=r'PING\r\n', expect='+PONG'), ['[::1]', '80'])
    assert test.title == '[::1]:80'
    assert test.recipe.target.address == Address('::1', 80)
    assert (test.recipe.tls, test.recipe.send, test.recipe.expect) == (None, b'PING\r\n', b'+PONG')


def test_sources() -> None:
    (test,) = plan(Settings(source='127.0.0.2, 127.0.0.3'), ['localhost', '80'])
    assert [source.address for source in test.recipe.target.sources] == [('127.0.0.2', 0), ('127.0.0.3', 0)]
    assert [place.address for place in test.recipe.target.places] == [('127.0.0.1', 80)]


def test_what_does_not_fit_is_told_once() -> None:
    tests = [Plan('web', Recipe(target(1), None, b'', b'')), Plan('db', Recipe(target(2), None, b'', b''))]
    assert check_limits(Settings(connections=1), tests) == []
    descriptors, ports = check_limits(Settings(connections=TOO_MANY), tests)
    assert f'of the {TOO_MANY} connections fit into the ' in descriptors
    assert f'of the {TOO_MANY} connections have a local port' in ports


def test_tls(authority: trustme.CA, tmp_path: Path) -> None:
    assert make_context(Settings()) is None
    usual = make_context(Settings(tls=True))
    assert usual is not None
    assert (usual.verify_mode, usual.check_hostname) == (ssl.CERT_REQUIRED, True)
    insecure = make_context(Settings(tls=True, insecure=True))
    assert insecure is not None
    assert (insecure.verify_mode, insecure.check_hostname) == (ssl.CERT_NONE, False)
    path = tmp_path / 'ca.pem'
    authority.cert_pem.write_to_path(str(path))
    trusting = make_context(Settings(tls=True, cacert=str(path)))
    assert trusting is not None
    assert len(trusting.get_ca_certs()) == 1


@pytest.mark.parametrize('name', ['.example.com', 'a..b'])
def test_a_name_that_no_certificate_can_be_for(name: str) -> None:
    with pytest.raises(ConfigError, match='--tls: no certificate can be for'):
        check_name(ssl.create_default_context(), name)


@pytest.mark.parametrize(
    ('text', 'data'),
    [
        ('', b''),
        ('PING', b'PING'),
        (r'PING\r\n', b'PING\r\n'),
        (r'\0\t\\', b'\0\t\\'),
        (r'\\n', b'\\n'),
        (r'\x16\x03\xfF', b'\x16\x03\xff'),
        ('é', 'é'.encode()),
        ('\udcff', b'\xff'),
        ('real\nline', b'real\nline'),
    ],
)
def test_escapes(text: str, data: bytes) -> None:
    assert unescape(text) == data


@pytest.mark.parametrize(('text', 'said'), [(r'\d', r'\d:'), (r'\x1', r'\x:'), ('\\', '\\:'), ('\\\n', '\\\n:')])
def test_unknown_escapes(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        unescape(text)
    assert str(caught.value).startswith(f'unknown escape {said}')
