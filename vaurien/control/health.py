"""The responders of ``/health`` and ``/ready``, for whoever has started the process: systemd, Kubernetes, a script.

They need no token, because a probe often cannot send one. So they tell nothing that is secret: names of proxies, and
whether their backends answer, but no address.
"""

from __future__ import annotations

import falcon

from vaurien.control.answers import DONE, ErrorAnswer, ReadyAnswer
from vaurien.control.operation import JSON, Content, Dialect
from vaurien.engine.proxies import Proxies
from vaurien.engine.turns import get_turns, pausing
from vaurien.web.body import send


def _describe_error(status: int) -> Content:
    return {JSON: ReadyAnswer if status == 503 else ErrorAnswer}


PROBES = Dialect('probe', 'vaurien', _describe_error, is_numbered=False)


class ProbeResource:
    """The responders over the proxies of a process."""

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies

    def on_get_health(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Get whether the process lives."""
        send(resp, DONE)

    def on_get_ready(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Get the phase of the process, and whether each proxy listens.

        The status is 503 unless the phase is ready.
        """
        phase = self._proxies.phase  # which may change in a pause
        proxies = pausing(list(self._proxies.items()), get_turns().begin())
        answer: ReadyAnswer = {
            'status': phase,
            'proxies': {
                name: {'listens': proxy.enabled, 'backend_answered': proxy.backend_answered} for name, proxy in proxies
            },
        }
        if phase != 'ready':
            resp.status = falcon.HTTP_503
        send(resp, answer)


#: The paths of the responders, none of which takes a token.
ROUTES = {'/health': 'health', '/ready': 'ready'}
