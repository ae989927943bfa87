"""From the command line to the tests to run: everything that can be checked before a connection is opened."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vaurien.address import Address, refuse_credentials
from vaurien.console.files import read_file
from vaurien.console.limits import LEAST_SPARE, describe_shortage
from vaurien.errors import ConfigError
from vaurien.plugins.options import convert
from vaurien.tcpgoon.handshake import Recipe
from vaurien.tcpgoon.ports import check_ports
from vaurien.tcpgoon.settings import Settings, TargetPort
from vaurien.tcpgoon.target import Target, parse_sources

#: The most bytes of a file of certificates. Those of all authorities that browsers trust are a fifth of one MiB.
MAX_CERTIFICATES = 8 * 1024 * 1024
#: Escapes in the texts of --send and --expect.
ESCAPE = re.compile(rb'\\(x[0-9a-fA-F]{2}|.?)', re.DOTALL)
MEANINGS = {b'r': b'\r', b'n': b'\n', b't': b'\t', b'0': b'\0', b'\\': b'\\'}


class Test(NamedTuple):
    """What to do with one target, which *title* names."""

    title: str
    recipe: Recipe


def plan(settings: Settings, words: Sequence[str]) -> list[Test]:
    """Return a test for each target that *words* name; raise `ConfigError`, `RegistryError`, `StartError`."""
    tls = make_context(settings)
    send, expect = _read_text('send', settings.send), _read_text('expect', settings.expect)
    tests = []
    for title, target in _find_targets(settings, words):
        if tls is not None:
            check_name(tls, target.name)
        tests.append(Test(title, Recipe(target, tls, send, expect)))
    return tests


def check_limits(settings: Settings, tests: Sequence[Test]) -> list[str]:
    """Make room for the connections on this machine; return what is missing and what to do about it."""
    warnings = [describe_shortage(settings.connections, LEAST_SPARE)]
    warnings += [check_ports(settings.connections, test.recipe.target) for test in tests]
    return [warning for warning in dict.fromkeys(warnings) if warning]


def make_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS context of a test, None without ``--tls``; raise `ConfigError`.

    Certificates are verified as by browsers, unless ``--insecure`` says not to.
    """
    if not settings.tls:
        for flag in ('cacert', 'insecure'):
            if getattr(settings, flag):
                raise ConfigError('has no effect without --tls', f'--{flag}')
        return None
    try:
        context = ssl.create_default_context(cadata=_read_certificates(settings.cacert))
    except ssl.SSLError:
        raise ConfigError(f'no certificate in {settings.cacert}', '--cacert') from None
    except OSError as error:
        raise ConfigError(f'cannot read {settings.cacert}: {error.strerror}', '--cacert') from None
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _read_certificates(path: str | None) -> str | None:
    """Return the certificates in a file, None without one. What is between them may be anything."""
    if path is None:
        return None
    return (
        read_file(path, MAX_CERTIFICATES).decode('ascii', 'ignore') + '\n'
    )  # an empty text would mean those of the system


def check_name(context: ssl.SSLContext, name: str) -> None:
    """Raise `ConfigError` if no certificate can be for that name."""
    try:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name)
    except ValueError:  # such as for a leading dot
        raise ConfigError(f'no certificate can be for {name!r}', '--tls') from None


def unescape(text: str) -> bytes:
    r"""Return the bytes of a text with escapes, such as ``PING\r\n``; raise `ConfigError` for an unknown escape."""
    return ESCAPE.sub(_replace_escape, text.encode('utf-8', 'surrogateescape'))


def _find_targets(settings: Settings, words: Sequence[str]) -> Iterator[tuple[str, Target]]:
    sources = parse_sources(settings.source)
    if settings.eureka is not None:
        (application,) = _expect(['<application>'], words)
        from vaurien.tcpgoon.eureka import find_instances  # late: most runs ask none

        for instance in find_instances(settings.eureka, application):
            yield instance.id, Target.resolve(instance.address, sources, instance.host)
    else:
        host, port = _expect_address(words)
        address = _read_address(host, port)
        yield str(address), Target.resolve(address, sources)


def _expect(names: Sequence[str], words: Sequence[str]) -> Sequence[str]:
    if len(words) == len(names) and all(words):
        return words
    given = ' '.join(map(repr, words)) or 'nothing'
    raise ConfigError(f'expected {" ".join(names)}, got {given}, see tcpgoon --help')


def _expect_address(words: Sequence[str]) -> Sequence[str]:
    for word in words:
        try:
            refuse_credentials(word, '<host> <port>')
        except ConfigError as error:
            raise error.within('<host>') from None
    return _expect(['<host>', '<port>'], words)


def _read_address(host: str, port: str) -> Address:
    try:
        return Address(host.strip('[]'), convert(port, TargetPort, text=True))
    except ConfigError as error:
        raise error.within('<port>') from None


def _read_text(flag: str, text: str) -> bytes:
    try:
        return unescape(text)
    except ConfigError as error:
        raise error.within(f'--{flag}') from None


def _replace_escape(match: re.Match[bytes]) -> bytes:
    word = match[1]
    if word in MEANINGS:
        return MEANINGS[word]
    if len(word) == 3:
        return bytes.fromhex(word[1:].decode())
    raise ConfigError(rf'unknown escape {match[0].decode(errors="replace")}: there are \r \n \t \0 \\ and \xHH')
