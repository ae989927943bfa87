"""The control API: what running proxies can be asked and told over HTTP, JSON in and out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from posixpath import normpath
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Protocol, Union, get_args, get_origin
from urllib.parse import quote

import falcon
import msgspec

from vaurien import __version__
from vaurien.address import Address
from vaurien.behaviors import Behavior
from vaurien.control.answers import (
    BackendAnswer,
    BehaviorAnswer,
    BehaviorsAnswer,
    Done,
    Failure,
    FaultsAnswer,
    LinksAnswer,
    Location,
    OptionAnswer,
)
from vaurien.control.body import read_arming, read_backend
from vaurien.errors import AmbiguousProxyError, BrowserError, ConfigError, ToxiproxyError, UnknownProxyError
from vaurien.plugins.options import did_you_mean
from vaurien.protocols.base import BaseProtocol
from vaurien.records.faults import FaultLog
from vaurien.records.status import LinkStatus
from vaurien.rules.behaviors import format_rules
from vaurien.rules.rule import Rule
from vaurien.settings import ProxySettings
from vaurien.toxiproxy import api as toxiproxy, refusal
from vaurien.web.body import read_object
from vaurien.web.guard import Guard

logger = logging.getLogger(__name__)

DONE: Done = {'status': 'ok'}
#: What a body looks like.
EXAMPLE = '{"name": "delay"}'

#: What there is of each proxy: below ``/proxies/NAME``, and, of the only one, at the top.
ROUTES = ('behavior', 'backend', 'faults', 'links', 'status')


class Controlled(Protocol):
    """What is controlled: the part of a proxy that the API needs."""

    @property
    def settings(self) -> ProxySettings:
        """What it was started with."""

    @property
    def protocol(self) -> type[BaseProtocol]:
        """What is spoken on its links."""

    @property
    def rules(self) -> Sequence[Rule]:
        """What is armed now."""

    @property
    def backend(self) -> Address:
        """Where its links go now."""

    def arm(self, rules: Sequence[Rule]) -> None:
        """Arm *rules* from the next exchange on."""

    def set_backend(self, backend: Address) -> None:
        """Send links there from now on."""

    @property
    def faults(self) -> FaultLog:
        """What was hit."""

    @property
    def links(self) -> Mapping[int, ControlledLink]:
        """Those that are open, by number."""

    def status(self) -> Mapping[str, object]:
        """Everything about it, ready for JSON."""


class ControlledLink(Protocol):
    """The part of a link that the API needs."""

    def status(self) -> LinkStatus:
        """Everything about it."""

    def close(self) -> None:
        """Close both connections."""


class Answer(NamedTuple):
    """What an error becomes: the HTTP status, where the fault lies, and a text in place of the error's own."""

    status: str
    location: Location
    description: str = ''


#: Every error that the API answers. The nearest base class counts.
ANSWERS: dict[type[Exception], Answer] = {
    ConfigError: Answer(falcon.HTTP_400, 'body'),
    UnknownProxyError: Answer(falcon.HTTP_404, 'path'),
    AmbiguousProxyError: Answer(falcon.HTTP_409, 'path'),
    falcon.HTTPBadRequest: Answer(falcon.HTTP_400, 'method', 'there is no such method'),
    falcon.HTTPUnauthorized: Answer(falcon.HTTP_401, 'header'),
    falcon.HTTPForbidden: Answer(falcon.HTTP_403, 'header'),
    falcon.HTTPNotFound: Answer(falcon.HTTP_404, 'path', f'there are /{", /".join(ROUTES)}: see /openapi.json'),
    falcon.HTTPMethodNotAllowed: Answer(falcon.HTTP_405, 'method', 'not allowed here, see the header Allow'),
    falcon.HTTPContentTooLarge: Answer(falcon.HTTP_413, 'body'),
    Exception: Answer(falcon.HTTP_500, 'path', 'an error of the proxy itself, whose log says more'),
}


class Route(NamedTuple):
    """A path, as falcon writes it, and the responders for its methods: ``on_get``, or ``on_get_SUFFIX``."""

    path: str
    resource: object
    suffix: str | None = None


class ControlApp:
    """The responders of the API over the proxies of a process: over the one named, or the only one."""

    def __init__(self, proxies: Mapping[str, Controlled]) -> None:
        self._proxies = proxies

    def _find(self, name: str) -> Controlled:
        proxies = self._proxies
        if name or not proxies:
            if name not in proxies:
                near = f' {name!r}, {did_you_mean(name, list(proxies))}' if name else ''
                raise UnknownProxyError(f'there is no proxy{near}')
            return proxies[name]
        if len(proxies) > 1:
            raise AmbiguousProxyError(f'there are {", ".join(proxies)}: ask for one of them below /proxies/NAME')
        return next(iter(proxies.values()))

    def on_get_behavior(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """What is armed, as the text that arms it."""
        _send(resp, BehaviorAnswer(behavior=format_rules(self._find(name).rules)))

    def on_put_behavior(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Arm something else."""
        proxy = self._find(name)
        body = read_object(req, resp, EXAMPLE)
        proxy.arm(read_arming(body, proxy.settings.behavior_options, proxy.protocol))
        _send(resp, DONE)

    def on_get_behaviors(self, req: falcon.Request, resp: falcon.Response) -> None:
        """What can be armed, and its options."""
        options = list_options()
        _send(resp, BehaviorsAnswer(behaviors=list(options), options=options))

    def on_get_backend(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Where the proxy's links go."""
        _send(resp, BackendAnswer(backend=str(self._find(name).backend)))

    def on_put_backend(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Send them elsewhere."""
        self._find(name).set_backend(read_backend(read_object(req, resp, EXAMPLE)))
        _send(resp, DONE)

    def on_get_status(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Everything about the running proxy."""
        _send(resp, self._find(name).status())

    def on_get_faults(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """The last faults, the oldest first."""
        _send(resp, FaultsAnswer(faults=self._find(name).faults.last()))

    def on_delete_faults(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Forget them."""
        self._find(name).faults.clear()
        _send(resp, DONE)

    def on_get_links(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """The links that are open."""
        _send(resp, LinksAnswer(links=[link.status() for link in self._find(name).links.values()]))

    def on_delete_link(self, req: falcon.Request, resp: falcon.Response, number: int, name: str = '') -> None:
        """Cut one."""
        links = self._find(name).links
        if number not in links:
            raise UnknownProxyError(f'there is no open link {number}')
        links[number].close()
        _send(resp, DONE)


class Manners:
    """Falcon middleware: paths are clean, and everybody is told who answers."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send whoever asks for another spelling of a path to the path."""
        clean = normpath(f'/{req.path.lstrip("/")}') + ('/' if req.path != '/' and req.path.endswith('/') else '')
        if clean != req.path:
            query = f'?{req.query_string}' if req.query_string else ''
            raise falcon.HTTPMovedPermanently(f'{quote(clean)}{query}')

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, Any]
    ) -> None:
        """Toxiproxy has manners of its own."""
        if isinstance(resource, toxiproxy.ToxiproxyApp):
            toxiproxy.begin(req, resp, params)

    def process_response(self, req: falcon.Request, resp: falcon.Response, resource: object, succeeded: bool) -> None:
        """The level of Toxiproxy's API says nothing about this."""
        resp.set_header('X-Vaurien-Version', __version__)


def make_app(routes: Iterable[Route], guard: Guard) -> falcon.App[falcon.Request, falcon.Response]:
    """The WSGI application with these routes, for those whom *guard* lets in."""
    middleware: list[Any] = [guard, Manners()]
    app = falcon.App(middleware=middleware)
    app.resp_options.default_media_type = None  # type: ignore[assignment]  # what has no body has no type
    app.add_error_handler(ToxiproxyError, refusal.answer_refusal)
    app.add_error_handler(BrowserError, refusal.answer_browser)
    app.add_error_handler(falcon.HTTPError, _on_error)
    app.add_error_handler(Exception, _on_error)
    for path, resource, suffix in routes:
        app.add_route(path, resource, suffix=suffix)
    return app


def find_answer(error: Exception) -> Answer:
    """The row of `ANSWERS` for an error."""
    return next(ANSWERS[base] for base in type(error).__mro__ if base in ANSWERS)


def encode_error(location: Location, name: str, description: str) -> bytes:
    """The body of every refusal."""
    failure: Failure = {
        'status': 'error',
        'errors': [{'location': location, 'name': name, 'description': description}],
    }
    return msgspec.json.encode(failure)


def list_options() -> dict[str, dict[str, OptionAnswer]]:
    """Every behavior that can be armed, with its options: help, type and default."""
    return {
        name: {
            option: {'help': text, 'type': _type_name(type_), 'default': default}
            for option, (text, type_, default) in behavior.all_options().items()
        }
        for name, behavior in Behavior.usable().items()
    }


def _type_name(type_: Any) -> str:
    origin, inner = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return _type_name(inner[0])
    if origin in (Union, UnionType):
        return ' | '.join(map(_type_name, inner))
    if type_ is NoneType:
        return 'null'
    return str(type_).replace('typing.', '') if inner else str(type_.__name__)


def _send(resp: falcon.Response, value: Any) -> None:
    resp.content_type, resp.data = falcon.MEDIA_JSON, msgspec.json.encode(value, enc_hook=str)


def _speak_toxiproxy(req: falcon.Request, resp: falcon.Response, answer: Answer, description: str) -> None:
    if answer.location == 'method':
        refusal.answer_not_allowed(resp)
    elif answer.status == falcon.HTTP_404:
        refusal.answer_missing(resp)
    else:
        refusal.answer_refusal(req, resp, ToxiproxyError(int(answer.status[:3]), description), {})


def _on_error(req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
    answer = find_answer(error)
    if answer.status == falcon.HTTP_500:
        logger.error('%s %s failed', req.method, req.path, exc_info=error)
    names = {
        'body': getattr(error, 'path', ''),
        'header': getattr(error, 'title', ''),
        'method': req.method,
        'path': req.path,
    }
    resp.status = answer.status
    resp.set_headers(getattr(error, 'headers', None) or {})
    description = answer.description or getattr(error, 'description', '') or str(error)
    if toxiproxy.is_spoken_at(req.path, ROUTES):
        _speak_toxiproxy(req, resp, answer, description)
        return
    resp.content_type = falcon.MEDIA_JSON
    resp.data = encode_error(answer.location, names[answer.location], description)
