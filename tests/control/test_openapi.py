"""``/openapi.json`` is the API of the running command; `test_schemathesis` tries what it describes.

This also tests `operation`, `schemas` and `json_schema`, and `operations` and `schemas` of `vaurien.toxiproxy`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import falcon
import falcon.inspect
import msgspec
import pytest
import requests
from falcon.routing import map_http_methods

from tests.commands import Command
from tests.servers import HOST, TIMEOUT
from vaurien import __version__
from vaurien.behaviors import Behavior
from vaurien.control.app import Route, make_app
from vaurien.control.openapi import OPERATIONS
from vaurien.control.routes import make_routes
from vaurien.control.sources import Sources
from vaurien.engine.proxies import Proxies
from vaurien.live.live import Live
from vaurien.schedule.scheduler import Scheduler
from vaurien.toxics import Toxic
from vaurien.web.guard import Guard
from vaurien.web.router import Router

falcon.inspect.register_router(Router)(falcon.inspect.inspect_compiled_router)


@pytest.fixture(scope='module')
def document(echoing: Command) -> Any:
    response = requests.get(f'{echoing.api}/openapi.json', timeout=TIMEOUT)
    assert (response.status_code, response.headers['Content-Type']) == (200, 'application/json')
    return response.json()


def references(value: Any) -> Iterator[str]:
    """Every ``$ref`` in it."""
    if isinstance(value, dict):
        yield from [value['$ref']] if '$ref' in value else []
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def operations(document: Any) -> Iterator[Any]:
    """Every operation of every path."""
    for methods in document['paths'].values():
        yield from (operation for method, operation in methods.items() if method != 'parameters')


#: What a summary may begin with.
VERBS = {
    'Add',
    'Arm',
    'Change',
    'Close',
    'Create',
    'Decide',
    'Delete',
    'Forget',
    'Get',
    'List',
    'Remove',
    'Reset',
    'Run',
    'Take',
    'Set',
    'Stop',
    'Try',
}
PRONOUNS = {'it', 'its', 'one', 'ones', 'them', 'they', 'these', 'this', 'those', 'what', 'whoever'}


def make_no_routes() -> list[Route]:
    """The routes of a process without a proxy."""
    proxies = Proxies([])
    scheduler = Scheduler(proxies)
    return make_routes(Sources(proxies, scheduler, Live(proxies, scheduler)))


class TestDocument:
    def test_what_it_is(self, document: Any) -> None:
        assert document['openapi'] == '3.1.0'
        assert document['info']['version'] == __version__

    def test_it_has_every_path_and_method_that_there_is(self, document: Any) -> None:
        app = make_app(make_no_routes(), Guard(HOST, HOST))
        served = {
            (re.sub(r':\w+}', '}', route.path), method.method.lower())
            for route in falcon.inspect.inspect_routes(app)
            for method in route.methods
            if not method.internal
        }
        # HEAD is not described, which every path with GET has, but where it is as any other method.
        served -= {(path, 'head') for path, method in served if method == 'get' and path != '/metrics'}
        described = {
            (path, method)
            for path, methods in document['paths'].items()
            for method in methods
            if method != 'parameters'
        }
        assert described == served

    def test_which_need_no_token(self, document: Any) -> None:
        gets = {path: item['get'] for path, item in document['paths'].items() if 'get' in item}
        public = {path for path, operation in gets.items() if operation.get('security') == [{}]}
        files = {'/ui/{file}', '/ui/lib/{file}'}
        assert public == {'/health', '/ready', '/ui'} | files
        told = {path for path, operation in gets.items() if '401' not in operation['responses']}
        assert told == public - files  # a file that is not there does

    def test_nothing_is_described_that_is_not_there(self) -> None:
        used: set[Any] = set()
        for route in make_no_routes():
            responders: Any = map_http_methods(route.resource, suffix=route.suffix).values()
            used.update(responder.__func__ for responder in responders)
        assert set(OPERATIONS) == used
        dialects = {operation.dialect for operation in OPERATIONS.values()}
        assert len({dialect.name for dialect in dialects}) == len(dialects)

    def test_every_reference_leads_somewhere(self, document: Any) -> None:
        found = set(references(document))
        assert found
        for reference in found:
            part = document
            for key in reference.removeprefix('#/').split('/'):
                part = part[key]
        unused = {f'#/components/schemas/{name}' for name in document['components']['schemas']} - found
        assert not unused

    def test_every_option_is_in_it(self, document: Any) -> None:
        schemas = document['components']['schemas']
        for name in Behavior.names():
            for kind in ('arm', 'rule'):
                properties = schemas[f'{kind}_{name}']['properties']
                assert set(Behavior.get(name).all_options()) <= set(properties)
        for name in Toxic.names():
            assert set(schemas[f'attributes_{name}']['properties']) == set(Toxic.get(name).all_options())
        sleep = schemas['arm_delay']['properties']['sleep']
        number, text, distribution = sleep.pop('anyOf')
        assert number == {'type': 'number', 'minimum': 0}
        assert text.keys() == {'type', 'pattern'}
        assert re.search(text['pattern'], '200ms')
        assert not re.search(text['pattern'], '2 parsecs')
        for example in distribution['examples']:
            assert re.search(distribution['pattern'], example)
        assert not re.search(distribution['pattern'], 'table(/etc/passwd)')
        assert sleep == {
            'description': 'Seconds to wait',
            'default': 1.0,
        }

    def test_only_a_path_that_names_no_proxy_takes_one(self, document: Any) -> None:
        def list_names(path: str) -> list[str]:
            return [parameter['name'] for parameter in document['paths'][path]['get']['parameters']]

        assert list_names('/events') == ['proxy', 'match']
        assert list_names('/proxies/{name}/events') == ['match']

    def test_operations_are_told_apart(self, document: Any) -> None:
        names = [operation['operationId'] for operation in operations(document)]
        assert len(set(names)) == len(names) > 30
        assert 'post_proxies_name_toxics' in names

    def test_every_summary_is_a_sentence(self, document: Any) -> None:
        """A verb, its object, and no word that stands for something else."""
        summaries = {operation['summary'] for operation in operations(document)}
        assert len(summaries) > 20
        for summary in summaries:
            verb, *rest = summary.split()
            assert verb.rstrip(',') in VERBS
            assert rest
            assert rest[-1].isalpha()
            assert not set(map(str.lower, rest)) & PRONOUNS

    def test_every_structure_is_described_by_a_noun(self, document: Any) -> None:
        for name, schema in document['components']['schemas'].items():
            bodies = 'arm', 'rule', 'toxic', 'attributes', 'ProxyFields', 'PopulatedFields'
            if name.partition('_')[0] in bodies:
                continue  # bodies, whose fields say what they are
            first, *rest = schema['description'].removesuffix('.').split()
            assert first in ('A', 'An', 'The', 'Everything')
            assert rest, name

    def test_where_a_name_leads(self, document: Any) -> None:
        created = document['paths']['/proxies/{name}/toxics']['post']['responses']['200']
        assert created['links']['delete_proxies_name_toxics_toxic'] == {
            'operationId': 'delete_proxies_name_toxics_toxic',
            'parameters': {'name': '$request.path.name', 'toxic': '$response.body#/name'},
        }

    def test_what_is_plain_text_with_json_in_it(self, document: Any, echoing: Command) -> None:
        (content,) = document['components']['responses']['toxiproxy_400']['content'].items()
        response = requests.post(f'{echoing.api}/proxies', data='{', timeout=TIMEOUT)
        assert response.headers['Content-Type'] == content[0] == 'text/plain; charset=utf-8'
        assert content[1]['schema']['contentMediaType'] == 'application/json'
        assert content[1]['schema']['contentSchema'] == {'$ref': '#/components/schemas/ToxiproxyErrorAnswer'}
        assert set(response.json()) == set(document['components']['schemas']['ToxiproxyErrorAnswer']['required'])

    def test_a_plugin_is_in_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Slow(Behavior.get('delay')):  # type: ignore[misc]
            name = 'slow'
            options = {'by': ('How slow', list[int], [1])}

        monkeypatch.setattr(Behavior, '_registered', {**Behavior._registered, 'slow': Slow})
        monkeypatch.setattr(Behavior, '_references', {**Behavior._installed(), 'broken': 'no_such:Thing'})
        routes = make_no_routes()
        response = falcon.Response()
        cast(Any, routes[-1].resource).on_get(None, response)
        schemas = msgspec.json.decode(response.data or b'')['components']['schemas']
        assert schemas['arm_slow']['properties']['by']['items'] == {'type': 'integer'}
        assert 'sleep' in schemas['arm_slow']['properties']
        assert 'arm_broken' not in schemas
