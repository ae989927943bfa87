"""The API of the server: create, run, read and delete test groups."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import falcon

from vaurien.conntest.messages import Run
from vaurien.conntest.plan import Plan
from vaurien.conntest.store import Group, Store
from vaurien.conntest.timestamps import SECOND, UNSET, Stopwatch
from vaurien.conntest.upstream import Upstream
from vaurien.errors import CapacityError, ConfigError
from vaurien.web.body import read_bytes, read_object
from vaurien.web.guard import Guard
from vaurien.web.router import Router

logger = logging.getLogger(__name__)

#: The most bytes of data in one run. More than 128 KiB has to come from a file: Linux takes no longer argument of a
#: command (MAX_ARG_STRLEN).
MAX_DATA = 1024 * 1024
EXAMPLE = '{"run_count": 1000, "concurrency": 5}'
NUMBER = re.compile(r'\+?[0-9]{1,18}')


class ErrorResponse(NamedTuple):
    """The HTTP status of an error, and a text, by default that of the error."""

    status: str
    text: str = ''


#: The response to each error. The nearest base class counts.
ERROR_RESPONSES: dict[type[Exception], ErrorResponse] = {
    ConfigError: ErrorResponse(falcon.HTTP_400),
    falcon.HTTPBadRequest: ErrorResponse(falcon.HTTP_400, 'there is no such method'),
    falcon.HTTPForbidden: ErrorResponse(falcon.HTTP_403),
    falcon.HTTPRouteNotFound: ErrorResponse(
        falcon.HTTP_404, 'there are /test-groups, /test-groups/create, /test-groups/ID/N'
    ),
    falcon.HTTPMethodNotAllowed: ErrorResponse(falcon.HTTP_405, 'not allowed here, see the header Allow'),
    falcon.HTTPContentTooLarge: ErrorResponse(falcon.HTTP_413),
    CapacityError: ErrorResponse(falcon.HTTP_507),
    Exception: ErrorResponse(falcon.HTTP_500, 'an error of the server itself: see its log'),
}


class Responders:
    """The API over *store*. *sleep* takes seconds. Without *upstream*, groups can have no upstream endpoint."""

    def __init__(self, store: Store, sleep: Callable[[float], None], upstream: Upstream | None) -> None:
        self.store = store
        self._sleep = sleep
        self._upstream = upstream

    def on_post_create(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Create a test group."""
        plan = Plan.read(read_object(req, resp, EXAMPLE))
        if plan.upstream_endpoint and self._upstream is None:
            raise ConfigError('this server was started with --no-upstream', 'upstream_endpoint')
        group = self.store.create(plan)
        logger.info('group %s created, %d runs: %r', group.id, plan.run_count, plan.description)
        _send(resp, group.encode())

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List all test groups with their runs."""
        _send(resp, _encode_list(self.store.groups))

    def on_get_one(self, req: falcon.Request, resp: falcon.Response, group_id: str) -> None:
        """Get a test group with its runs."""
        if group := self._find(resp, group_id):
            _send(resp, group.encode())

    def on_delete_one(self, req: falcon.Request, resp: falcon.Response, group_id: str) -> None:
        """Delete a test group and its runs."""
        if group := self._find(resp, group_id):
            self.store.remove(group)
            resp.status = falcon.HTTP_204
            logger.info('group %s deleted, after %d runs', group.id, group.count)

    def on_post_run(self, req: falcon.Request, resp: falcon.Response, group_id: str, number: str) -> None:
        """Record a run, and respond after the delay of its group."""
        if not NUMBER.fullmatch(number):
            raise ConfigError(f'{number!r} is not the number of a run')
        data = read_bytes(req, resp, MAX_DATA)
        group = self._find(resp, group_id)
        if group is None:
            return
        self.store.reserve(group, len(data))
        try:
            group.add(self._run(group, int(number), data))
        except BaseException:
            self.store.release(group, len(data))
            raise
        logger.debug('group %s run %s: %d bytes', group_id, number, len(data))
        if delay := group.settings.server_delay_ns:
            self._sleep(delay / SECOND)

    def _run(self, group: Group, number: int, data: bytes) -> Run:
        watch = Stopwatch()
        run = Run(
            run_id=str(uuid.uuid4()),
            run_count=number,
            time=watch.start,
            data=data or None,
            client_start=UNSET,
            client_end=UNSET,
            server_start=watch.start,
            server_end=UNSET,
        )
        if group.settings.upstream_endpoint and self._upstream:
            fetched = self._upstream.fetch(group.settings.upstream_endpoint, group.settings.upstream_timeout_ns)
            run.upstream_response_code, run.upstream_response_time_ns, run.error = fetched
        run.server_end = watch.now
        return run

    def _find(self, resp: falcon.Response, id_: str) -> Group | None:
        group = self.store.find(id_)
        if group is None:
            resp.status = falcon.HTTP_404
        return group


def make_app(responders: Responders, guard: Guard) -> falcon.App[falcon.Request, falcon.Response]:
    """Return the WSGI application. *guard* is its middleware, and decides who may use it."""
    app = falcon.App(middleware=[guard], router=Router())
    app.add_error_handler(Exception, _on_error)
    app.add_error_handler(falcon.HTTPError, _on_error)
    app.add_route('/test-groups', responders)
    app.add_route('/test-groups/create', responders, suffix='create')
    app.add_route('/test-groups/{group_id}', responders, suffix='one')
    app.add_route('/test-groups/{group_id}/{number}', responders, suffix='run')
    return app


def _encode_list(groups: Sequence[Group]) -> Iterator[bytes]:
    if not groups:
        yield b'null'  # as Go writes a list that was never made
        return
    for number, group in enumerate(groups):
        yield b',' if number else b'['
        yield from group.encode()
    yield b']'


def _send(resp: falcon.Response, pieces: Iterator[bytes]) -> None:
    resp.content_type = falcon.MEDIA_JSON
    resp.stream = pieces


def _on_error(req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
    response = next(ERROR_RESPONSES[base] for base in type(error).__mro__ if base in ERROR_RESPONSES)
    if response.status == falcon.HTTP_500:
        logger.error('%s %s failed', req.method, req.path, exc_info=error)
    resp.status = response.status
    resp.set_headers(getattr(error, 'headers', None) or {})
    resp.content_type = falcon.MEDIA_TEXT
    resp.text = f'{response.text or _describe(error)}\n'


def _describe(error: Exception) -> str:
    return f'{error.title}: {error.description}' if isinstance(error, falcon.HTTPError) else str(error)
