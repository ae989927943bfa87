"""A certification authority that lives as long as the process: it has a certificate for every name asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from vaurien.console.files import writing
from vaurien.errors import ConfigError
from vaurien.plugins.handshake import Problem
from vaurien.tls.certificates import Certificate
from vaurien.tls.flaws import issue_flawed, make_certificate

if TYPE_CHECKING:
    import trustme

#: The most certificates that are kept, the one that was asked for longest ago forgotten first.
KEPT = 256

_NEEDED = "it needs trustme: pip install 'vaurien[tls]'"


class Authority:
    """Signs certificates. Its own key never leaves the process and its workers."""

    def __init__(self) -> None:
        """Make the keys. Raise `ConfigError` if the package for that is not installed."""
        try:
            import trustme  # an extra
        except ImportError:
            raise ConfigError(_NEEDED, 'tls') from None
        self._authority: trustme.CA = trustme.CA(organization_name='Vaurien')
        self._known: OrderedDict[tuple[str | None, ...], Certificate] = OrderedDict()
        self._lock = Lock()  # proxies in threads of their own share it

    @property
    def pem(self) -> bytes:
        """The certificate of the authority, which clients are to trust, as PEM."""
        return self._authority.cert_pem.bytes()

    def export(self) -> tuple[bytes, bytes]:
        """Return its certificate and its key, as PEM, for a worker of this process to `adopt`."""
        return self.pem, self._authority.private_key_pem.bytes()

    def adopt(self, certificate: bytes, key: bytes) -> None:
        """Be the authority that another process has exported."""
        if certificate != self.pem:
            with self._lock:
                self._authority = type(self._authority).from_pem(certificate, key)
                self._known.clear()

    def issue(self, *names: str, problem: Problem | None = None) -> Certificate:
        """Return a certificate for these names or addresses, with a *problem* if that is asked for.

        Raise `ValueError` for a name that cannot have one.
        """
        key = problem, *names
        with self._lock:
            known = self._known.pop(key, None)
            if known is None:
                known = self._make(names, problem)
                if len(self._known) >= KEPT:
                    self._known.popitem(last=False)
            self._known[key] = known
            return known

    def _make(self, names: Sequence[str], problem: Problem | None) -> Certificate:
        if problem is not None:
            return issue_flawed(problem, names, self._authority)
        return make_certificate(self._authority.issue_cert(*names, common_name=names[0][:64]))


@cache
def get_authority() -> Authority:
    """Return the authority of this process, made when it is first asked for."""
    return Authority()


def write_ca_file(path: str) -> None:
    """Write the certificate of the authority to a file, for clients that want one. Raise `ConfigError`."""
    with writing(path):
        Path(path).write_bytes(get_authority().pem)
