"""Every path of the control API, and the resource that responds there."""

from __future__ import annotations

from vaurien.control.api import ROUTES, ControlApi
from vaurien.control.app import Route
from vaurien.control.authority import AuthorityResource
from vaurien.control.metrics import MetricsResource
from vaurien.control.openapi import OpenApiResource
from vaurien.control.schedule import ScheduleResource
from vaurien.engine.proxies import Proxies
from vaurien.journal.kept import KeptEntries
from vaurien.journal.replay import Replay
from vaurien.schedule.scheduler import Scheduler
from vaurien.toxiproxy import api as toxiproxy


def make_routes(
    proxies: Proxies, scheduler: Scheduler, kept: KeptEntries | None = None, replay: Replay | None = None
) -> list[Route]:
    """Return the routes to control *proxies*, and the *scheduler* of them.

    *kept* and *replay* are what they show of journals.
    """
    own, others = ControlApi(proxies, kept, replay), toxiproxy.ToxiproxyApi(proxies)
    routes = [Route('/behaviors', own, 'behaviors')]
    for prefix in ('', '/proxies/{name}'):
        routes += [Route(f'{prefix}/{name}', own, name) for name in ROUTES]
        routes.append(Route(f'{prefix}/links/{{number:int}}', own, 'link'))
    routes += [Route(path, others, suffix) for path, suffix in toxiproxy.ROUTES.items()]
    schedule = ScheduleResource(scheduler)
    routes += [Route('/schedule', schedule), Route('/schedule/mark', schedule, 'mark')]
    routes.append(Route('/tls/ca.pem', AuthorityResource()))
    routes.append(Route('/metrics', MetricsResource(proxies)))
    routes.append(Route('/openapi.json', OpenApiResource(routes)))
    return routes
