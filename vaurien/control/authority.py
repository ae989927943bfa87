"""The responder of ``/tls/ca.pem``: whom clients have to trust where a proxy makes its own certificates."""

from __future__ import annotations

import falcon

from vaurien.tls.authority import get_authority

#: A certificate in PEM (RFC 8555, 9.1, of a chain).
CONTENT_TYPE = 'application/pem-certificate-chain'


class AuthorityResource:
    """The authority of the process. Its key is not to be had."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Get the certificate of the authority that clients have to trust."""
        resp.content_type, resp.data = CONTENT_TYPE, get_authority().pem
