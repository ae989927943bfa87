"""Targets from a Eureka registry: the instances of an application, asked for over its REST interface.

Source: the page "Eureka REST operations" of Netflix's wiki, ``GET …/apps/APP`` in JSON. Spring's registry differs only
in the path before ``/apps``.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from vaurien.address import MAX_PORT, Address
from vaurien.console.values import decode, has_more_values
from vaurien.errors import AnswerError, ConfigError, RegistryError, find_reason
from vaurien.web.ask import ask
from vaurien.web.url import read_url

#: Seconds that the registry may take to respond.
TIMEOUT = 10.0
#: The most bytes and values of its answer: those of several thousand instances.
MAX_ANSWER = 16 * 1024 * 1024
MAX_VALUES = 500_000


class Instance(NamedTuple):
    """An instance of the application. *host* is the name in its certificate."""

    id: str
    host: str
    address: Address


class _Port(msgspec.Struct, rename={'number': '$', 'enabled': '@enabled'}):
    """A port: ``{"$": 8080, "@enabled": "true"}``. Some versions write the number as a text."""

    number: int
    enabled: bool


class _Instance(msgspec.Struct, rename='camel'):
    host_name: str
    status: str
    instance_id: str = ''
    ip_addr: str | None = None
    port: _Port | None = None
    secure_port: _Port | None = None


class _Application(msgspec.Struct):
    #: Some versions write a single instance without an array.
    instance: list[_Instance] | _Instance = []


class _Registered(msgspec.Struct):
    application: _Application


def find_instances(url: str, application: str) -> list[Instance]:
    """Return the instances that are ``UP``, each at its secure port if that is enabled.

    Raises `ConfigError` if *url* is none, `RegistryError` if the registry does not respond, or has no such instance.
    """
    try:
        read_url(url)
    except ConfigError:
        raise ConfigError(f'expected a URL like http://host:8761/eureka, got {url!r}', '--eureka') from None
    known = _ask(f'{url.rstrip("/")}/apps/{quote(application, safe="")}', application).application.instance
    instances = [_read(entry) for entry in (known if isinstance(known, list) else [known]) if entry.status == 'UP']
    if not instances:
        raise RegistryError(f'no instance of {application} is UP in {without_password(url)}')
    return instances


def without_password(url: str) -> str:
    """Return *url* as it may be printed."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition('@')[2]))


def _ask(url: str, application: str) -> _Registered:
    shown = without_password(url)
    try:
        answer = ask('GET', url, seconds=TIMEOUT, most=MAX_ANSWER, headers={'Accept': 'application/json'})
    except TimeoutError:
        raise RegistryError(f'no answer from {shown} within {TIMEOUT:g} s') from None
    except ssl.SSLCertVerificationError:
        raise RegistryError(f'the certificate of {shown} is not trusted') from None
    except OSError as error:
        raise RegistryError(f'cannot reach {shown}: {find_reason(error)}') from None
    except AnswerError as error:
        raise RegistryError(f'{shown} is no Eureka registry: {error}') from None
    if answer.status == HTTPStatus.NOT_FOUND:
        raise RegistryError(f'no application {application} in {shown}')
    if answer.status != HTTPStatus.OK:
        raise RegistryError(f'{shown} answers {answer.status} {answer.reason}')
    return _decode(shown, answer.body)


def _decode(shown: str, body: bytes) -> _Registered:
    if has_more_values(body, MAX_VALUES):
        raise RegistryError(f'{shown} is no Eureka registry: it sends more than {MAX_VALUES} values')
    try:
        return decode(body, _Registered, strict=False)
    except ValueError as error:
        raise RegistryError(f'{shown} is no Eureka registry: {error}') from None


def _read(entry: _Instance) -> Instance:
    ports = [port.number for port in (entry.secure_port, entry.port) if port is not None and port.enabled]
    if not ports or not 1 <= ports[0] <= MAX_PORT:
        raise RegistryError(f'instance {entry.instance_id or entry.host_name} has no valid port that is enabled')
    address = Address(entry.ip_addr or entry.host_name, ports[0])
    return Instance(entry.instance_id or str(address), entry.host_name, address)
