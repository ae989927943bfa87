"""Every path of the control API, and who responds there."""

from __future__ import annotations

from vaurien.control.app import ROUTES, ControlApp, Route
from vaurien.control.metrics import MetricsApp
from vaurien.control.openapi import OpenApiApp
from vaurien.engine.proxies import Proxies
from vaurien.toxiproxy import api as toxiproxy


def make_routes(proxies: Proxies) -> list[Route]:
    """Those to control *proxies*."""
    own, others = ControlApp(proxies), toxiproxy.ToxiproxyApp(proxies)
    routes = [Route('/behaviors', own, 'behaviors')]
    for prefix in ('', '/proxies/{name}'):
        routes += [Route(f'{prefix}/{name}', own, name) for name in ROUTES]
        routes.append(Route(f'{prefix}/links/{{number:int}}', own, 'link'))
    routes += [Route(path, others, suffix) for path, suffix in toxiproxy.ROUTES.items()]
    routes.append(Route('/metrics', MetricsApp(proxies)))
    routes.append(Route('/openapi.json', OpenApiApp(routes)))
    return routes
