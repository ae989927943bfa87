"""The control API described by itself: OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0).

Paths and methods are those that there are, summaries the docstrings of who responds; what neither tells is in
`OPERATIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from http import HTTPStatus
from typing import Any, NamedTuple

import falcon
import msgspec
from falcon.routing import map_http_methods

from vaurien import __version__
from vaurien.control import schemas
from vaurien.control.answers import (
    BackendAnswer,
    BehaviorAnswer,
    BehaviorsAnswer,
    Done,
    Failure,
    FaultsAnswer,
    LinksAnswer,
)
from vaurien.control.app import ControlApp, Route
from vaurien.control.metrics import CONTENT_TYPE, MetricsApp
from vaurien.control.schemas import Schema, Schemas
from vaurien.records.status import ProxyStatus, ToxicStatus
from vaurien.toxiproxy.answers import PopulateAnswer, PopulateRefusal, ProxyAnswer, RefusalAnswer, VersionAnswer
from vaurien.toxiproxy.api import LEVEL, ToxiproxyApp
from vaurien.toxiproxy.refusal import PLAIN

JSON = falcon.MEDIA_JSON

_PLACEHOLDER = re.compile(r'{(?P<name>\w+)(?::(?P<type>\w+))?}')


class Spelled(NamedTuple):
    """JSON of that type, in what is called plain text."""

    type: Any


#: What may be in a body: its type, by the type of the content.
Content = dict[str, Any]


class Operation(NamedTuple):
    """What a responder takes and gives."""

    #: The type of what it answers; None: nothing.
    answer: Any
    status: int = 200
    content: str = JSON
    #: Describes the body that it takes.
    takes: Callable[[Schemas], Schema] | None = None
    #: The statuses of refusals that not every one has.
    refuses: tuple[int, ...] = ()
    #: Whose refusals it has, one of `REFUSALS`.
    api: str = 'vaurien'
    #: The parameter of other paths that the name of what it has made is.
    names: str | None = None


def _refuse_as_toxiproxy(status: int) -> Content:
    return {PLAIN: str if status in (403, 404) else Spelled(RefusalAnswer)}


def _refuse_to_populate(status: int) -> Content:
    if status in (401, 403):
        return _refuse_as_toxiproxy(status)
    return {JSON: PopulateRefusal, **(_refuse_as_toxiproxy(status) if status == 500 else {})}


def _refuse_to_measure(status: int) -> Content:
    return {JSON: Failure, **(_refuse_as_toxiproxy(status) if status == 403 else {})}


#: What comes with a refusal, by its status.
REFUSALS: dict[str, Callable[[int], Content]] = {
    'vaurien': lambda status: {JSON: Failure},
    'toxiproxy': _refuse_as_toxiproxy,
    'populate': _refuse_to_populate,
    'metrics': _refuse_to_measure,
}

_TAGS = {'populate': 'toxiproxy'}

_Vaurien = partial(Operation, refuses=(404, 409))
_Toxiproxy = partial(Operation, api='toxiproxy')

#: Of every responder, by the function that it is.
OPERATIONS: dict[Callable[..., None], Operation] = {
    ControlApp.on_get_behavior: _Vaurien(BehaviorAnswer),
    ControlApp.on_put_behavior: _Vaurien(Done, takes=schemas.describe_arming),
    ControlApp.on_get_behaviors: Operation(BehaviorsAnswer),
    ControlApp.on_get_backend: _Vaurien(BackendAnswer),
    ControlApp.on_put_backend: _Vaurien(Done, takes=schemas.describe_backend),
    ControlApp.on_get_status: _Vaurien(ProxyStatus),
    ControlApp.on_get_faults: _Vaurien(FaultsAnswer),
    ControlApp.on_delete_faults: _Vaurien(Done),
    ControlApp.on_get_links: _Vaurien(LinksAnswer),
    ControlApp.on_delete_link: _Vaurien(Done),
    ToxiproxyApp.on_get_version: _Toxiproxy(VersionAnswer, content='application/json;charset=utf-8'),
    ToxiproxyApp.on_get_proxies: _Toxiproxy(dict[str, ProxyAnswer]),
    ToxiproxyApp.on_post_proxies: _Toxiproxy(
        ProxyAnswer, 201, takes=schemas.describe_proxy, refuses=(409,), names='name'
    ),
    ToxiproxyApp.on_get_proxy: _Toxiproxy(ProxyAnswer, refuses=(404,)),
    ToxiproxyApp.on_patch_proxy: _Toxiproxy(ProxyAnswer, takes=schemas.describe_change, refuses=(404,)),
    ToxiproxyApp.on_delete_proxy: _Toxiproxy(None, 204, refuses=(404,)),
    ToxiproxyApp.on_post_populate: _Toxiproxy(PopulateAnswer, 201, takes=schemas.describe_population, api='populate'),
    ToxiproxyApp.on_post_reset: _Toxiproxy(None, 204),
    ToxiproxyApp.on_get_toxics: _Toxiproxy(list[ToxicStatus], refuses=(404,)),
    ToxiproxyApp.on_post_toxics: _Toxiproxy(
        ToxicStatus, takes=schemas.describe_toxic, refuses=(404, 409), names='toxic'
    ),
    ToxiproxyApp.on_get_toxic: _Toxiproxy(ToxicStatus, refuses=(404,)),
    ToxiproxyApp.on_patch_toxic: _Toxiproxy(ToxicStatus, takes=schemas.describe_toxic_change, refuses=(404,)),
    ToxiproxyApp.on_delete_toxic: _Toxiproxy(None, 204, refuses=(404,)),
    MetricsApp.on_get: _Toxiproxy(str, content=CONTENT_TYPE, api='metrics'),
}


class OpenApiApp:
    """The responder of ``/openapi.json``."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = routes

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """This description."""
        resp.content_type, resp.data = falcon.MEDIA_JSON, self._document

    @cached_property
    def _document(self) -> bytes:
        return msgspec.json.encode(Document(self._routes).describe())


OPERATIONS[OpenApiApp.on_get] = Operation(dict[str, Any])


class Document:
    """All of it, while it is put together."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._responders = {route.path: map_http_methods(route.resource, suffix=route.suffix) for route in routes}
        self._schemas = Schemas()
        self._bodies: dict[str, Any] = {}
        self._refusals: dict[str, Any] = {}

    def describe(self) -> dict[str, Any]:
        """The whole."""
        return {
            'openapi': '3.1.0',
            'info': {
                'title': 'Vaurien',
                'version': __version__,
                'description': f'The control API of proxies, with that of Toxiproxy {LEVEL}.',
            },
            'servers': [{'url': '/'}],
            'security': [{}, {'token': []}],
            'paths': {_spell(path): self._describe_path(path) for path in self._responders},
            'components': {
                'schemas': self._schemas.named,
                'requestBodies': self._bodies,
                'responses': self._refusals,
                'securitySchemes': {
                    'token': {'type': 'http', 'scheme': 'bearer', 'description': 'That of --api-token, if it is set.'}
                },
            },
        }

    def _describe_path(self, path: str) -> dict[str, Any]:
        return {
            'parameters': [_describe_parameter(*found.groups()) for found in _PLACEHOLDER.finditer(path)],
            **{method.lower(): self._describe(path, method) for method in self._responders[path]},
        }

    def _describe(self, path: str, method: str) -> dict[str, Any]:
        responder: Any = self._responders[path][method]
        operation, summary = OPERATIONS[responder.__func__], responder.__doc__.partition('\n')[0]
        statuses = {401, 403, 500, *operation.refuses}
        body: dict[str, Any] = {}
        if operation.takes is not None:
            statuses |= {400, 413}
            body['requestBody'] = self._refer_to_body(operation.takes)
        if operation.api == 'vaurien' and '{name}' in path:
            statuses.discard(409)  # it is named
        answer = self._describe_answer(operation, summary)
        if operation.names is not None:
            answer['links'] = self._describe_links(path, operation.names)
        return {
            'operationId': _identify(path, method),
            'summary': summary,
            'tags': [_TAGS.get(operation.api, operation.api)],
            **body,
            'responses': {
                str(operation.status): answer,
                **{str(status): self._refer_to_refusal(operation.api, status) for status in sorted(statuses)},
            },
        }

    def _describe_links(self, path: str, parameter: str) -> dict[str, Any]:
        """What can be asked for next: all that takes what this does, and the name in the answer."""
        known = _list_parameters(path)
        values = {name: f'$request.path.{name}' for name in known} | {parameter: '$response.body#/name'}
        return {
            identity: {'operationId': identity, 'parameters': values}
            for other, responders in self._responders.items()
            if _list_parameters(other) == known | {parameter}
            for identity in (_identify(other, method) for method in responders)
        }

    def _describe_answer(self, operation: Operation, summary: str) -> dict[str, Any]:
        headers = _describe_headers(is_numbered=operation.api != 'vaurien')
        answer = {'description': summary, 'headers': headers}
        if operation.answer is not None:
            answer['content'] = self._describe_content({operation.content: operation.answer})
        return answer

    def _refer_to_body(self, takes: Callable[[Schemas], Schema]) -> Schema:
        name = takes.__name__.removeprefix('describe_')
        if name not in self._bodies:
            self._bodies[name] = {'required': True, 'content': {JSON: {'schema': takes(self._schemas)}}}
        return {'$ref': f'#/components/requestBodies/{name}'}

    def _refer_to_refusal(self, api: str, status: int) -> Schema:
        name = f'{api}_{status}'
        if name not in self._refusals:
            content = self._describe_content(REFUSALS[api](status))
            phrase = HTTPStatus(status).phrase
            self._refusals[name] = {'description': phrase, 'headers': _describe_headers(), 'content': content}
        return {'$ref': f'#/components/responses/{name}'}

    def _describe_content(self, content: Content) -> dict[str, Any]:
        return {name: {'schema': self._describe_inside(type_)} for name, type_ in content.items()}

    def _describe_inside(self, type_: Any) -> Schema:
        if isinstance(type_, Spelled):
            return {'type': 'string', 'contentMediaType': JSON, 'contentSchema': self._schemas.of(type_.type)}
        return self._schemas.of(type_)


def _spell(path: str) -> str:
    """A path of falcon's as OpenAPI has it."""
    return _PLACEHOLDER.sub(r'{\g<name>}', path)


def _identify(path: str, method: str) -> str:
    return '_'.join([method.lower(), *re.findall(r'\w+', _spell(path))])


def _list_parameters(path: str) -> set[str]:
    return {found['name'] for found in _PLACEHOLDER.finditer(path)}


def _describe_parameter(name: str, type_: str | None) -> dict[str, Any]:
    schema = {'type': 'integer'} if type_ == 'int' else {'type': 'string', 'pattern': '^[^/]+$'}
    return {'name': name, 'in': 'path', 'required': True, 'schema': schema}


def _describe_headers(*, is_numbered: bool = False) -> dict[str, Any]:
    headers: dict[str, Any] = {'X-Vaurien-Version': {'required': True, 'schema': {'type': 'string'}}}
    if is_numbered:
        number = {'type': 'string', 'pattern': '^[0-9a-f]{20}$'}
        headers['X-Toxiproxy-Request-Id'] = {'required': True, 'schema': number}
    return headers
