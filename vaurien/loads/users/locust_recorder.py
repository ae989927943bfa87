"""What the clients of a test report to: requests go to the statistics of Locust, all else to `TestStats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from locust.clients import LocustHttpAdapter
from locust.contrib.fasthttp import FastHttpSession

from vaurien.loads.recorder import Recorder
from vaurien.loads.stats import OTHERS

if TYPE_CHECKING:
    import requests
    from locust import User

    from vaurien.loads.stats import TestStats

#: The most names of requests, and kinds of failed ones, that are kept apart.
MAX_NAMES = 1000


class LocustRecorder(Recorder):
    """The recorder of one user."""

    def __init__(self, user: User, stats: TestStats) -> None:
        self._user = user
        self._entries = user.environment.stats
        self._event = user.environment.events.request
        self._stats = stats

    def fire(self, **request: Any) -> None:
        request['name'] = self._bound(_path(request['name']), request['request_type'])
        if request['exception'] is not None and len(self._entries.errors) >= MAX_NAMES:
            request['exception'] = OTHERS
        self._event.fire(**request)

    def count(self, name: str, count: int) -> None:
        self._stats.count(name, count)

    def opened_websocket(self) -> None:
        self._stats.open_websocket()

    def received(self, size_bytes: int) -> None:
        self._stats.receive(size_bytes)

    def adapt(self, session: requests.Session) -> None:
        # The adapter of requests loads the certificates of all authorities for each new TLS connection.
        for scheme in ('https://', 'http://'):
            session.mount(scheme, LocustHttpAdapter(pool_manager=None))

    def fast_session(self, server_url: str) -> FastHttpSession:
        return FastHttpSession(server_url, request_event=self, user=self._user, insecure=False)

    def _bound(self, name: str, method: str) -> str:
        entries = self._entries.entries
        return name if (name, method) in entries or len(entries) < MAX_NAMES else OTHERS


def _path(name: str) -> str:
    """Return a URL without host and query, so that requests of one path have one name. Leave other names alone."""
    if '://' not in name and '?' not in name:
        return name
    return urlsplit(name).path or '/'
