"""What happens before and after every responder (https://falcon.readthedocs.io/en/stable/api/middleware.html)."""

from __future__ import annotations

from posixpath import normpath
from urllib.parse import quote

import falcon

from vaurien import __version__
from vaurien.records.origin import ORIGIN


class CleanPaths:
    """Middleware that redirects from paths such as ``//proxies/../status``, as Toxiproxy's router does.

    That is gorilla/mux: https://pkg.go.dev/github.com/gorilla/mux#Router.SkipClean.
    """

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Redirect to the clean path if the path of the request is another one."""
        clean = normpath(f'/{req.path.lstrip("/")}') + ('/' if req.path != '/' and req.path.endswith('/') else '')
        if clean != req.path:
            query = f'?{req.query_string}' if req.query_string else ''
            raise falcon.HTTPMovedPermanently(f'{quote(clean)}{query}')


class NotedOrigin:
    """Middleware that notes that what is changed now is changed by the API."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Note it for the greenlet of the client."""
        ORIGIN.set('api')


class VersionHeader:
    """Middleware that names the version of Vaurien. ``GET /version`` names the level of Toxiproxy's API."""

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: object, succeeded: bool) -> None:
        """Set the header."""
        resp.set_header('X-Vaurien-Version', __version__)
