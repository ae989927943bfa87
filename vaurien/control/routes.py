"""Every path of the control API, and the resource that responds there."""

from __future__ import annotations

from collections.abc import Callable

from vaurien.console.writer import count_lost
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
from vaurien.engine.proxies import Proxies
from vaurien.journal.kept import KeptEntries
from vaurien.journal.replay import Replay
from vaurien.live.live import Live
from vaurien.schedule.scheduler import Scheduler
from vaurien.toxiproxy import api as toxiproxy


def make_routes(
    proxies: Proxies,
    scheduler: Scheduler,
    live: Live,
    kept: KeptEntries | None = None,
    replay: Replay | None = None,
    count_lost: Callable[[], int] = count_lost,
) -> list[Route]:
    """Return the routes to control *proxies*, and the *scheduler* of them.

    *live* counts what happens and sends it to the readers of events. *kept* and *replay* are what the routes show of
    journals. *count_lost* returns how many lines could not be written.
    """
    own, others = ControlApi(proxies, live, kept, replay), toxiproxy.ToxiproxyApi(proxies)
    routes = [Route('/behaviors', own, 'behaviors'), Route('/toxics', own, 'toxics'), Route('/match', MatchResource())]
    for prefix in ('', '/proxies/{name}'):
        routes += [Route(f'{prefix}/{name}', own, name) for name in ROUTES]
        routes.append(Route(f'{prefix}/links/{{number:int}}', own, 'link'))
        routes.append(Route(f'{prefix}/faults/take', own, 'taken'))
        routes.append(Route(f'{prefix}/held/{{number:int}}', own, 'decision'))
    routes += [Route(path, others, suffix) for path, suffix in toxiproxy.ROUTES.items()]
    schedule = ScheduleResource(scheduler)
    routes += [Route('/schedule', schedule), Route('/schedule/mark', schedule, 'mark')]
    routes.append(Route('/tls/ca.pem', AuthorityResource()))
    probes = ProbeResource(proxies)
    routes += [Route(path, probes, suffix) for path, suffix in health.ROUTES.items()]
    routes.append(Route('/metrics', MetricsResource(proxies, live, count_lost)))
    page = PageResource()
    routes += [Route(PATH, page), Route(f'{PATH}/{{file}}', page, 'file')]
    routes.append(Route(f'{PATH}/{LIBRARIES}/{{file}}', page, 'library'))
    routes.append(Route('/openapi.json', OpenApiResource(routes)))
    return routes
