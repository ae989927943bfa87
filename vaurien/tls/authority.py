"""A certification authority that lives as long as the process: it has a certificate for every name asked for."""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from vaurien.errors import ConfigError
from vaurien.tls.certificates import Certificate

if TYPE_CHECKING:
    import trustme

#: The most certificates that are kept, the one that was asked for longest ago forgotten first.
KEPT = 256

_NEEDED = 'it needs trustme: pip install vaurien[tls]'


class Authority:
    """Signs certificates. Its own key never leaves the process."""

    def __init__(self) -> None:
        """Make the keys. Raise `ConfigError` if the package for that is not installed."""
        try:
            import trustme  # an extra
        except ImportError:
            raise ConfigError(_NEEDED, 'tls') from None
        self._authority: trustme.CA = trustme.CA(organization_name='Vaurien')
        self._known: OrderedDict[tuple[str, ...], Certificate] = OrderedDict()
        self._lock = Lock()  # proxies in threads of their own share it

    @property
    def pem(self) -> bytes:
        """The certificate of the authority, which clients are to trust, as PEM."""
        return self._authority.cert_pem.bytes()

    def issue(self, *names: str) -> Certificate:
        """Return a certificate for these names or addresses. Raise `ValueError` for a name that cannot have one."""
        with self._lock:
            known = self._known.pop(names, None)
            if known is None:
                leaf = self._authority.issue_cert(*names, common_name=names[0][:64])
                chain = b''.join(pem.bytes() for pem in leaf.cert_chain_pems)
                known = Certificate(chain, leaf.private_key_pem.bytes())
                if len(self._known) >= KEPT:
                    self._known.popitem(last=False)
            self._known[names] = known
            return known


@cache
def get_authority() -> Authority:
    """Return the authority of this process, made when it is first asked for."""
    return Authority()
