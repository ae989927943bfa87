"""What comes before every responder of Toxiproxy's."""

from __future__ import annotations

import secrets
from typing import Any

import falcon

from vaurien.errors import BrowserError
from vaurien.toxiproxy.api import ROUTES, ToxiproxyApi

#: The header by which Vaurien's own page tells that it asks. A page of another site cannot send it: a browser would
#: have to be allowed to first.
PAGE = 'X-Vaurien-Page'
#: The beginning of the ``User-Agent`` of a program that acts for somebody who looks at a page.
BROWSER = 'Mozilla/'


class ToxiproxyMiddleware:
    """Middleware for requests to Toxiproxy's paths."""

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Raise `falcon.HTTPError` for an empty name or a method without a responder; then do as `begin`."""
        if not isinstance(resource, ToxiproxyApi):
            return
        if not all(params.values()):
            raise falcon.HTTPNotFound
        if not hasattr(ToxiproxyApi, f'on_{req.method.lower()}_{ROUTES[str(req.uri_template)]}'):
            raise falcon.HTTPMethodNotAllowed([])
        begin(req, resp)


def begin(req: falcon.Request, resp: falcon.Response) -> None:
    """Number the answer, and raise `BrowserError` for a request of a browser: Toxiproxy does not serve them.

    Those of Vaurien's own page are served.
    """
    resp.set_header('X-Toxiproxy-Request-Id', secrets.token_hex(10))
    if (req.user_agent or '').startswith(BROWSER) and req.get_header(PAGE) is None:
        raise BrowserError
