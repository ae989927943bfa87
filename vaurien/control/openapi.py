"""The responder of ``/openapi.json``: the control API described in OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0).

The document is made from the routes. The summary of an operation is the first line of its responder's docstring; what
falcon does not know of it is in `OPERATIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from http import HTTPStatus
from typing import Any

import falcon
import msgspec
from falcon.routing import map_http_methods

from vaurien import __version__
from vaurien.clock import no_pause
from vaurien.control import schemas
from vaurien.control.answers import (
    BackendAnswer,
    BehaviorAnswer,
    BehaviorsAnswer,
    Done,
    ErrorAnswer,
    FaultAnswer,
    FaultsAnswer,
    HeldAnswer,
    LinksAnswer,
    MatchAnswer,
    ReadyAnswer,
    ToxicsAnswer,
)
from vaurien.control.api import EVENT_CHOICE, EVENT_PARAMETERS, EVENT_STREAM, ControlApi
from vaurien.control.app import Route
from vaurien.control.authority import CONTENT_TYPE as AUTHORITY_TYPE, AuthorityResource
from vaurien.control.health import PROBES, ProbeResource
from vaurien.control.journal import LINES, PARAMETERS
from vaurien.control.json_schema import Schema, Schemas
from vaurien.control.matching import MatchResource
from vaurien.control.metrics import CONTENT_TYPE, MetricsResource
from vaurien.control.operation import JSON, VAURIEN, Content, Dialect, JsonText, Operation
from vaurien.control.page import TYPES, PageResource
from vaurien.control.protobuf import CONTENT_TYPE as PROTOBUF
from vaurien.control.schedule import ScheduleResource
from vaurien.engine.turns import get_turns, pausing
from vaurien.live.events import NAMES, Columns, State
from vaurien.records.page import JournalPage
from vaurien.records.status import ProxyStatus, ScheduleStatus
from vaurien.toxiproxy import operations as toxiproxy
from vaurien.toxiproxy.api import LEVEL

_PLACEHOLDER = re.compile(r'{(?P<name>\w+)(?::(?P<type>\w+))?}')


def _describe_metrics_error(status: int) -> Content:
    """Return Vaurien's error, or Toxiproxy's for browsers, which `/metrics` does not serve either."""
    return {JSON: ErrorAnswer, **(toxiproxy.describe_error(status) if status == 403 else {})}


METRICS = Dialect('metrics', 'metrics', _describe_metrics_error)

_OfProxy = partial(Operation, errors=(404, 409))

#: The operation of every responder, by its function.
OPERATIONS: dict[Callable[..., None], Operation] = {
    ControlApi.on_get_behavior: _OfProxy(BehaviorAnswer),
    ControlApi.on_put_behavior: _OfProxy(Done, takes=schemas.describe_arming, errors=(404, 409, 503)),
    ControlApi.on_get_behaviors: Operation(BehaviorsAnswer),
    ControlApi.on_get_toxics: Operation(ToxicsAnswer),
    ControlApi.on_get_backend: _OfProxy(BackendAnswer),
    ControlApi.on_put_backend: _OfProxy(Done, takes=schemas.describe_backend, errors=(404, 409, 503)),
    ControlApi.on_get_events: Operation(
        str,
        content=EVENT_STREAM,
        errors=(400, 404, 503),
        parameters=EVENT_PARAMETERS,
        choice=EVENT_CHOICE,
        events={name: type_ for type_, name in NAMES.items()},
        named=(State, Columns),
    ),
    ControlApi.on_get_status: _OfProxy(ProxyStatus),
    ControlApi.on_get_faults: _OfProxy(FaultsAnswer),
    ControlApi.on_delete_faults: _OfProxy(Done),
    ControlApi.on_post_taken: _OfProxy(FaultAnswer),
    ControlApi.on_get_held: _OfProxy(HeldAnswer),
    ControlApi.on_post_decision: _OfProxy(Done, takes=schemas.describe_decision),
    ControlApi.on_get_journal: Operation(JournalPage, errors=(400, 404), parameters=PARAMETERS, others={LINES: str}),
    ControlApi.on_get_links: _OfProxy(LinksAnswer),
    ControlApi.on_delete_link: _OfProxy(Done),
    ScheduleResource.on_get: Operation(ScheduleStatus),
    ScheduleResource.on_put: Operation(Done, takes=schemas.describe_schedule),
    ScheduleResource.on_delete: Operation(Done),
    ScheduleResource.on_post_mark: Operation(Done, takes=schemas.describe_mark, errors=(404,)),
    MatchResource.on_post: Operation(MatchAnswer, takes=schemas.describe_match),
    PageResource.on_get: Operation(str, content=TYPES['html'], is_public=True),
    # A file that is not there is not public.
    PageResource.on_get_file: Operation(str, content='*/*', errors=(401, 404), is_public=True),
    PageResource.on_get_library: Operation(str, content='*/*', errors=(401, 404), is_public=True),
    AuthorityResource.on_get: Operation(str, content=AUTHORITY_TYPE),
    ProbeResource.on_get_health: Operation(Done, dialect=PROBES, is_public=True),
    ProbeResource.on_get_ready: Operation(ReadyAnswer, errors=(503,), dialect=PROBES, is_public=True),
    MetricsResource.on_get: Operation(str, content=CONTENT_TYPE, others={PROTOBUF: Any}, dialect=METRICS),
    **toxiproxy.OPERATIONS,
}


class OpenApiResource:
    """The responder of ``/openapi.json``."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = routes

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Get the description of the API."""
        resp.content_type, resp.data = falcon.MEDIA_JSON, self._document

    @cached_property
    def _document(self) -> bytes:
        return msgspec.json.encode(Document(self._routes).describe(get_turns().begin()))


OPERATIONS[OpenApiResource.on_get] = Operation(dict[str, Any])


class Document:
    """The document while it is put together."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._responders = {path: map_http_methods(resource, suffix=suffix) for path, resource, suffix in routes}
        self._schemas = Schemas()
        self._bodies: dict[str, Any] = {}
        self._errors: dict[str, Any] = {}

    def describe(self, pause: Callable[[], object] = no_pause) -> dict[str, Any]:
        """Return the whole document. *pause* is called after each path."""
        return {
            'openapi': '3.1.0',
            'info': {
                'title': 'Vaurien',
                'version': __version__,
                'description': f'The control API of proxies. It includes the API of Toxiproxy {LEVEL}. '
                'Paths with GET have HEAD, too, unless they are of Toxiproxy.',
            },
            'servers': [{'url': '/'}],
            'security': [{}, {'token': []}],
            'paths': {_write(path): self._describe_path(path) for path in pausing(self._responders, pause)},
            'components': {
                'schemas': self._schemas.named,
                'requestBodies': self._bodies,
                'responses': self._errors,
                'securitySchemes': {
                    'token': {
                        'type': 'http',
                        'scheme': 'bearer',
                        'description': 'The token of --api-token, if the server has one.',
                    }
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
        operation = OPERATIONS[responder.__func__]
        dialect, statuses = operation.dialect, {403, 500, *operation.errors}
        body: dict[str, Any] = {}
        if operation.is_public:
            body['security'] = [{}]
        else:
            statuses.add(401)
        parameters = {**({} if '{name}' in path else operation.choice), **operation.parameters}
        if parameters:
            body['parameters'] = [
                {'name': name, 'in': 'query', 'description': schema.pop('description'), 'schema': schema}
                for name, schema in self._schemas.options(parameters).items()
            ]
        if operation.takes is not None:
            statuses |= {400, 413}
            body['requestBody'] = self._refer_to_body(operation.takes)
        if dialect is VAURIEN and '{name}' in path:
            statuses.discard(409)  # the path says which proxy is meant
        answer = self._describe_answer(operation)
        if operation.names is not None:
            answer['links'] = self._describe_links(path, operation.names)
        return {
            'operationId': _identify(path, method),
            'summary': responder.__doc__.partition('\n')[0].removesuffix('.'),
            'tags': [dialect.tag],
            **body,
            'responses': {
                str(operation.status): answer,
                **{str(status): self._refer_to_error(dialect, status) for status in sorted(statuses)},
            },
        }

    def _describe_links(self, path: str, parameter: str) -> dict[str, Any]:
        """Describe what can be asked for next: every operation that takes the same, and the name in the answer."""
        known = _list_parameters(path)
        values = {name: f'$request.path.{name}' for name in known} | {parameter: '$response.body#/name'}
        return {
            identity: {'operationId': identity, 'parameters': values}
            for other, responders in self._responders.items()
            if _list_parameters(other) == known | {parameter}
            for identity in (_identify(other, method) for method in responders)
        }

    def _describe_answer(self, operation: Operation) -> dict[str, Any]:
        headers = _describe_headers(is_numbered=operation.dialect.is_numbered)
        answer = {'description': HTTPStatus(operation.status).phrase, 'headers': headers}
        if operation.answer is not None:
            content = self._describe_content({operation.content: operation.answer, **operation.others})
            answer['content'] = content
            if operation.events:
                content[operation.content]['x-itemSchema'] = self._describe_events(operation)
        return answer

    def _describe_events(self, operation: Operation) -> Schema:
        """Describe each event, as ``itemSchema`` of OpenAPI 3.2 would; in 3.1, it is an extension."""
        for type_ in operation.named:
            self._schemas.of(type_)
        return {
            'oneOf': [
                {
                    'type': 'object',
                    'properties': {
                        'event': {'const': name},
                        'id': {'type': 'string', 'pattern': '^[0-9]+$'},
                        'data': self._describe_inside(JsonText(type_)),
                    },
                    'required': ['event', 'id', 'data'],
                }
                for name, type_ in operation.events.items()
            ]
        }

    def _refer_to_body(self, takes: Callable[[Schemas], Schema]) -> Schema:
        name = takes.__name__.removeprefix('describe_')
        if name not in self._bodies:
            self._bodies[name] = {'required': True, 'content': {JSON: {'schema': takes(self._schemas)}}}
        return {'$ref': f'#/components/requestBodies/{name}'}

    def _refer_to_error(self, dialect: Dialect, status: int) -> Schema:
        name = f'{dialect.name}_{status}'
        if name not in self._errors:
            content = self._describe_content(dialect.describe_error(status))
            phrase = HTTPStatus(status).phrase
            self._errors[name] = {'description': phrase, 'headers': _describe_headers(), 'content': content}
        return {'$ref': f'#/components/responses/{name}'}

    def _describe_content(self, content: Content) -> dict[str, Any]:
        return {name: {'schema': self._describe_inside(type_)} for name, type_ in content.items()}

    def _describe_inside(self, type_: Any) -> Schema:
        if isinstance(type_, JsonText):
            return {'type': 'string', 'contentMediaType': JSON, 'contentSchema': self._schemas.of(type_.type)}
        return self._schemas.of(type_)


def _write(path: str) -> str:
    """Return a path as OpenAPI writes it: ``{number}`` where falcon has ``{number:int}``."""
    return _PLACEHOLDER.sub(r'{\g<name>}', path)


def _identify(path: str, method: str) -> str:
    return '_'.join([method.lower(), *re.findall(r'\w+', _write(path))])


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
