"""The contexts of OpenSSL for both legs of a link: between client and proxy, and between proxy and backend."""

from __future__ import annotations

import ssl
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from vaurien.errors import ConfigError
from vaurien.plugins.handshake import Problem
from vaurien.settings import AUTO, REFUSE, TLSSettings
from vaurien.tls.authority import get_authority
from vaurien.tls.certificates import Certificate, read_certificate, trust
from vaurien.tls.session import Session

#: The most contexts that a leg keeps, one for each name and list of protocols. Each has keys for tickets of its own.
KEPT = 256

_VERSIONS = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}

Key = TypeVar('Key')


class Contexts(Generic[Key]):
    """Makes contexts, and keeps them; the one that was used longest ago is forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, ssl.SSLContext] = OrderedDict()

    def find(self, key: Key, make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """Return the context of *key*, which *make* makes if there is none yet."""
        context = self._known.pop(key, None)
        if context is None:
            context = make()
            if len(self._known) >= KEPT:
                self._known.popitem(last=False)
        self._known[key] = context
        return context


class ClientLeg:
    """What clients meet, to whom the proxy is a server."""

    def __init__(self, settings: TLSSettings) -> None:
        """Read the files. Raise `ConfigError` for one that is of no use."""
        self._settings = settings
        self._contexts: Contexts[tuple[str, str, Problem | None, bool]] = Contexts()
        self._certificate: Certificate | None = None
        if settings.client_leg == AUTO:
            get_authority()
        else:
            self._certificate = read_certificate(*settings.split_certificate(), field='proxy_tls')
        self.find_context('', '127.0.0.1', '')

    def find_context(
        self, name: str, local: str, protocol: str, problem: Problem | None = None, *, resumes: bool = True
    ) -> ssl.SSLContext:
        """Return the context for a client that asks for *name*; empty: for none, and has reached the address *local*.

        *protocol* is what the client is told that both will speak (ALPN); empty: it is told nothing. *problem* is what
        is wrong with the certificate. *resumes* is whether an earlier session may be gone on with. Raise `ConfigError`
        if certificates cannot be made.
        """
        certificate, name = self._choose(name, local, problem)
        # A context knows its own sessions only, and no handshake comes to its end in one that is not to resume any.
        key = name, protocol, problem, resumes
        return self._contexts.find(key, partial(self._make, certificate, protocol, problem))

    def shows(self, certificate: bytes) -> bool:
        """Return whether every client is shown this *certificate*, in DER."""
        if self._certificate is None:
            return False
        return ssl.PEM_cert_to_DER_cert(self._certificate.first) == certificate

    def _choose(self, name: str, local: str, problem: Problem | None) -> tuple[Certificate, str]:
        """Return the certificate to show, and what tells it from others."""
        if self._certificate is not None and problem is None:
            return self._certificate, ''
        try:
            if name:
                return get_authority().issue(name, problem=problem), name
        except ValueError:  # no certificate can have that name: the client may accept that of the usual names
            pass
        return get_authority().issue('localhost', local, problem=problem), local

    def _make(self, certificate: Certificate, protocol: str, problem: Problem | None) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if problem == 'weak-key':
            context.set_ciphers('DEFAULT:@SECLEVEL=0')  # else OpenSSL would not show it
        _set_up(context, settings, [protocol] if protocol else [])
        certificate.load_into(context)
        if settings.proxy_tls_client_ca is not None:
            trust(context, settings.proxy_tls_client_ca, 'proxy_tls_client_ca')
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class BackendLeg:
    """What the backend meets, to which the proxy is a client."""

    def __init__(self, settings: TLSSettings) -> None:
        """Read the files. Raise `ConfigError` for one that is of no use."""
        self._settings = settings
        self._contexts: Contexts[tuple[str, ...]] = Contexts()
        self._certificate: Certificate | None = None
        if settings.backend_tls_cert is not None:
            self._certificate = read_certificate(
                settings.backend_tls_cert, settings.backend_tls_key, field='backend_tls_cert'
            )
        #: The last session with the backend, by its context: the next link need not be introduced again.
        self.sessions: WeakKeyDictionary[ssl.SSLContext, ssl.SSLSession] = WeakKeyDictionary()
        self._check_name(self.find_context(()))

    def _check_name(self, context: ssl.SSLContext) -> None:
        name = self._settings.backend_tls_name
        try:
            if name is not None:
                Session.for_backend(context, name)
        except (ValueError, TypeError):  # TypeError: it has a NUL character
            raise ConfigError('it is not the name of a machine', 'backend_tls_name') from None

    def find_name(self, host: str) -> str:
        """Return the name that the backend's certificate has to have; *host* is where it runs."""
        return self._settings.backend_tls_name or host

    def find_context(self, protocols: Sequence[str]) -> ssl.SSLContext:
        """Return the context that offers the backend these protocols (ALPN)."""
        key = tuple(protocols)
        return self._contexts.find(key, partial(self._make, key))

    def remember(self, session: ssl.SSLObject) -> None:
        """Have the next link go on with what *session* has agreed on, which saves most of the handshake.

        One that goes on with an earlier one adds nothing, and to ask for it takes as long as a handshake.
        """
        if not session.session_reused and (found := session.session) is not None:
            self.sessions[session.context] = found

    def _make(self, protocols: Sequence[str]) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _set_up(context, settings, protocols)
        if not settings.backend_tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif settings.backend_tls_ca is not None:
            trust(context, settings.backend_tls_ca, 'backend_tls_ca')
        else:
            context.load_default_certs()
        if self._certificate is not None:
            self._certificate.load_into(context)
        return context


def _refuse_useless(settings: TLSSettings) -> None:
    """Raise `ConfigError` for a setting that would have no effect: somebody believes that it has."""
    if settings.tls == REFUSE and settings.client_leg is not None:
        raise ConfigError('clients cannot have TLS and be refused it', 'proxy_tls')
    if settings.client_leg is None and settings.proxy_tls_client_ca is not None:
        raise ConfigError('it needs proxy_tls: clients are not asked for certificates', 'proxy_tls_client_ca')
    if not settings.is_backend_leg:
        for field in ('backend_tls_ca', 'backend_tls_name', 'backend_tls_cert'):
            if getattr(settings, field) is not None:
                raise ConfigError('it needs backend_tls: TLS is not spoken with the backend', field)
    if settings.backend_tls_key is not None and settings.backend_tls_cert is None:
        raise ConfigError('it needs backend_tls_cert', 'backend_tls_key')
    if settings.tls_min == '1.3' and settings.tls_max == '1.2':
        raise ConfigError('it is higher than tls_max', 'tls_min')


def _set_up(context: ssl.SSLContext, settings: TLSSettings, protocols: Sequence[str]) -> None:
    """Have *context* do what both legs have in common."""
    if settings.tls_min is not None:
        context.minimum_version = _VERSIONS[settings.tls_min]
    if settings.tls_max is not None:
        context.maximum_version = _VERSIONS[settings.tls_max]
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if settings.tls_keylog is not None:
        try:
            context.keylog_filename = settings.tls_keylog
        except OSError as error:
            raise ConfigError(f'cannot write {settings.tls_keylog}: {error.strerror}', 'tls_keylog') from None


class Legs(NamedTuple):
    """The legs of a proxy's links that are TLS."""

    client: ClientLeg | None
    backend: BackendLeg | None

    def without_backend(self) -> Legs | None:
        """Return what is left if nobody speaks with the backend."""
        return None if self.client is None else Legs(self.client, None)

    @classmethod
    def of(cls, settings: TLSSettings) -> Legs | None:
        """Return what *settings* ask for; None: nothing, bytes of TLS pass as any others.

        Raise `ConfigError` for files of no use.
        """
        _refuse_useless(settings)
        client = None if settings.client_leg is None else ClientLeg(settings)
        backend = BackendLeg(settings) if settings.is_backend_leg else None
        is_plain = client is None and backend is None and settings.tls != REFUSE
        return None if is_plain else cls(client, backend)
