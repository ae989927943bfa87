"""Write the page of the control API from its OpenAPI document: every operation, and the objects in their bodies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from vaurien.control.openapi import Document
from vaurien.control.routes import make_routes
from vaurien.control.sources import Sources
from vaurien.engine.proxies import Proxies
from vaurien.live.live import Live
from vaurien.schedule.scheduler import Scheduler

Schema = Mapping[str, Any]

INTRODUCTION = """\
# OpenAPI

Every request that the [control API](api.md) takes, written from `GET /openapi.json`. That document has all patterns and
limits; this page is for readers. A name in a path such as `{name}` stands for that of a proxy.
"""
TITLES = {
    'vaurien': 'Vaurien',
    'toxiproxy': 'The API of Toxiproxy',
    'populate': 'Many proxies at once',
    'probe': 'Health',
    'metrics': 'Metrics',
}
#: The operations that every path has anyhow, and the errors that say nothing about an operation.
METHODS = ('get', 'post', 'put', 'patch', 'delete')
#: The bounds of a value, and how they are written.
BOUNDS = {'minimum': 'from', 'exclusiveMinimum': 'above', 'maximum': 'to', 'exclusiveMaximum': 'below'}


def describe_api() -> str:
    """Return the page."""
    proxies = Proxies(())
    scheduler = Scheduler(proxies)
    document = Document(make_routes(Sources(proxies, scheduler, Live(proxies, scheduler)))).describe()
    operations: dict[str, list[str]] = {}
    for path, methods in document['paths'].items():
        for method in METHODS:
            if method in methods:
                said = describe_operation(f'{method.upper()} {path}', methods['parameters'], methods[method], document)
                operations.setdefault(methods[method]['tags'][0], []).extend(said)
    parts = [INTRODUCTION]
    for tag, texts in operations.items():
        parts += [f'## {TITLES.get(tag, tag)}\n', *texts]
    parts.append('## Objects\n')
    for name, schema in sorted(document['components']['schemas'].items()):
        parts += [f'### {name}\n', *describe_object(schema)]
    return '\n'.join(parts)


def describe_operation(title: str, shared: list[Schema], operation: Schema, document: Schema) -> Iterator[str]:
    """Yield what an operation does, takes and returns."""
    yield f'### `{title}`\n\n{operation["summary"]}.\n'
    parameters = [*shared, *operation.get('parameters', ())]
    if parameters:
        rows = [
            [f'`{one["name"]}`', one['in'], describe_type(one['schema']), one.get('description', '')]
            for one in parameters
        ]
        yield make_table(['parameter', 'in', 'value', 'meaning'], rows)
    if 'requestBody' in operation:
        body = document['components']['requestBodies'][operation['requestBody']['$ref'].rpartition('/')[2]]
        (content,) = body['content'].values()
        yield from describe_body(content['schema'])
    rows = []
    for status, answer in operation['responses'].items():
        found = document['components']['responses'][answer['$ref'].rpartition('/')[2]] if '$ref' in answer else answer
        bodies = [
            f'{describe_type(content.get("schema", {}))} ({kind})' for kind, content in found.get('content', {}).items()
        ]
        rows.append([status, found['description'], '<br>'.join(bodies)])
    yield make_table(['status', 'meaning', 'body'], rows)


def describe_body(schema: Schema) -> Iterator[str]:
    """Yield the forms that the body of a request may have."""
    forms = schema.get('anyOf', [schema])
    named = [describe_type(form) for form in forms if '$ref' in form]
    if named:
        yield f'The body is one of these objects: {", ".join(named)}.\n'
    for form in forms:
        if '$ref' not in form:
            yield 'The body:\n' if len(forms) == 1 else 'A form of the body:\n'
            yield from describe_object(form)


def describe_object(schema: Schema) -> Iterator[str]:
    """Yield the description and the fields of an object, or what else it is."""
    if 'description' in schema:
        yield f'{schema["description"]}\n'
    fields = schema.get('properties')
    if not fields:
        yield f'{describe_type(schema)}\n'
        return
    required = schema.get('required', ())
    rows = [
        [
            f'`{name}`{" (required)" if name in required else ""}',
            describe_type(field),
            json.dumps(field['default']) if field.get('default') is not None else '',
            field.get('description', ''),
        ]
        for name, field in fields.items()
    ]
    yield make_table(['field', 'value', 'default', 'meaning'], rows)


def describe_type(schema: Schema) -> str:
    """Describe what a value may be: ``text``, ``number from 0 to 1, or null``, a link to an object."""
    if '$ref' in schema:
        name = schema['$ref'].rpartition('/')[2]
        return f'[{name}](#{name.lower()})'
    if 'const' in schema:
        return f'`{json.dumps(schema["const"])}`'
    if 'enum' in schema:
        return ', '.join(f'`{json.dumps(value)}`' for value in schema['enum'])
    for several in ('anyOf', 'oneOf'):
        if several in schema:
            return ', or '.join(dict.fromkeys(map(describe_type, schema[several])))
    kind = schema.get('type')
    if kind == 'array':
        return f'list of {describe_type(schema.get("items", {}))}'
    if kind == 'object' and isinstance(schema.get('additionalProperties'), dict):
        return f'object, each value: {describe_type(schema["additionalProperties"])}'
    if kind == 'object' and schema.get('properties'):
        return 'object with ' + ', '.join(f'`{name}`' for name in schema['properties'])
    names = {'string': 'text', 'integer': 'whole number', 'boolean': '`true` or `false`', 'null': '`null`'}
    bounds = [f' {word} {schema[key]}' for key, word in BOUNDS.items() if key in schema]
    return names.get(str(kind), str(kind or 'any value')) + ''.join(bounds)


def make_table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ['---'] * len(head), *([cell.replace('|', '\\|') for cell in row] for row in rows)]
    return '\n'.join([*(f'| {" | ".join(line)} |' for line in lines), ''])
