"""Every path of the control API, and the resource that responds there."""

from __future__ import annotations

from vaurien.control import health
from vaurien.control.api import ROUTES, ControlApi
from vaurien.control.app import Route
from vaurien.control.authority import AuthorityResource
from vaurien.control.health import ProbeResource
from vaurien.control.matching import MatchResource
from vaurien.control.metrics import MetricsResource
from vaurien.control.openapi import OpenApiResource
from vaurien.control.page import LIBRARIES, PATH, PageResource
from vaurien.control.schedule import ScheduleResource
from vaurien.control.sources import Sources
from vaurien.toxiproxy import api as toxiproxy


def make_routes(sources: Sources) -> list[Route]:
    """Return the routes of the API that is about *sources*."""
    own, others = ControlApi(sources), toxiproxy.ToxiproxyApi(sources.proxies)
    routes = [Route('/behaviors', own, 'behaviors'), Route('/toxics', own, 'toxics'), Route('/match', MatchResource())]
    for prefix in ('', '/proxies/{name}'):
        routes += [Route(f'{prefix}/{name}', own, name) for name in ROUTES]
        routes.append(Route(f'{prefix}/links/{{number:int}}', own, 'link'))
        routes.append(Route(f'{prefix}/faults/take', own, 'taken'))
        routes.append(Route(f'{prefix}/held/{{number:int}}', own, 'decision'))
    routes += [Route(path, others, suffix) for path, suffix in toxiproxy.ROUTES.items()]
    schedule = ScheduleResource(sources.scheduler)
    routes += [Route('/schedule', schedule), Route('/schedule/mark', schedule, 'mark')]
    routes.append(Route('/tls/ca.pem', AuthorityResource()))
    probes = ProbeResource(sources.proxies)
    routes += [Route(path, probes, suffix) for path, suffix in health.ROUTES.items()]
    routes.append(Route('/metrics', MetricsResource(sources)))
    page = PageResource()
    routes += [Route(PATH, page), Route(f'{PATH}/{{file}}', page, 'file')]
    routes.append(Route(f'{PATH}/{LIBRARIES}/{{file}}', page, 'library'))
    routes.append(Route('/openapi.json', OpenApiResource(routes)))
    return routes
