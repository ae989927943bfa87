"""The WSGI application of the control API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import falcon

from vaurien.control import error_responses
from vaurien.control.middleware import CleanPaths, NotedOrigin, VersionHeader
from vaurien.toxiproxy.error_responses import HANDLERS
from vaurien.toxiproxy.middleware import ToxiproxyMiddleware
from vaurien.web.guard import Guard
from vaurien.web.router import Router


class Route(NamedTuple):
    """A path, as falcon writes it, and the responders for its methods: ``on_get``, or ``on_get_SUFFIX``."""

    path: str
    resource: object
    suffix: str | None = None


def make_app(routes: Iterable[Route], guard: Guard) -> falcon.App[falcon.Request, falcon.Response]:
    """Return the WSGI application with these routes, for the clients that *guard* admits."""
    middleware: list[Any] = [guard, NotedOrigin(), CleanPaths(), ToxiproxyMiddleware(), VersionHeader()]
    app = falcon.App(middleware=middleware, router=Router())
    app.resp_options.default_media_type = None  # type: ignore[assignment]  # an answer without a body has no type
    for error, handler in HANDLERS.items():
        app.add_error_handler(error, handler)
    app.add_error_handler(falcon.HTTPError, error_responses.respond)
    app.add_error_handler(Exception, error_responses.respond)
    for path, resource, suffix in routes:
        app.add_route(path, resource, suffix=suffix)
    return app
