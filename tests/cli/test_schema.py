"""The JSON Schema of configuration files has all that these may have, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.commands import call
from tests.config.test_build import EVERYTHING
from tests.test_docs import PAGES, blocks
from vaurien.cli import schema
from vaurien.config.files import READERS

EXAMPLES = Path(__file__).parents[2] / 'examples'
SECTIONS = {'vaurien', 'proxy', 'behavior', 'protocol', 'schedule', 'statsd'}


def list_configs() -> Iterator[tuple[str, str, str]]:
    """Yield every configuration in the pages and examples: where it is, its suffix, its text."""
    for page in PAGES:
        for number, block in enumerate(blocks(page)):
            if block.language in ('ini', 'toml', 'yaml'):
                yield f'{page}:{number}', f'.{block.language}', block.text
    for path in sorted(EXAMPLES.rglob('*')):
        if path.suffix in READERS and 'node_modules' not in path.parts:
            yield str(path.relative_to(EXAMPLES)), path.suffix, path.read_text()
    for suffix, text in EVERYTHING.items():
        yield f'everything.{suffix}', f'.{suffix}', text


def read_tree(suffix: str, text: str) -> Any:
    """Return what is in a file. Values of INI are texts, so what they stand for is guessed."""
    document = READERS[suffix](f'some{suffix}', text)
    return guess(document.tree) if document.text else document.tree


def guess(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: guess(inner) for key, inner in value.items()}
    if value in ('1.2', '1.3'):  # versions of TLS
        return value
    try:
        return json.loads({'yes': 'true', 'no': 'false'}.get(value, value))
    except ValueError:
        return value


CONFIGS = [
    (name, tree)
    for name, suffix, text in list_configs()
    if isinstance(tree := read_tree(suffix, text), dict) and tree and tree.keys() <= SECTIONS
]


@pytest.fixture(scope='module')
def validator() -> Any:
    result = call(schema.main)
    assert (result.returncode, result.stderr) == (0, '')
    return jsonschema_rs.validator_for(json.loads(result.stdout))


@pytest.mark.parametrize('tree', [tree for _, tree in CONFIGS], ids=[name for name, _ in CONFIGS])
def test_every_configuration(validator: Any, tree: dict[str, Any]) -> None:
    assert [f'{error.instance_path}: {error.message}' for error in validator.iter_errors(tree)] == []


def test_there_are_configurations() -> None:
    assert len(CONFIGS) > 20


@pytest.mark.parametrize(
    'tree',
    [
        {'vaurin': {}},
        {'vaurien': {'sed': 1}},
        {'vaurien': {'seed': 'x'}},
        {'vaurien': {'timeout': '5 parsecs'}},
        {'vaurien': {'behaviors': [{'name': 'dely'}]}},
        {'vaurien': {'toxics': [{'type': 'latency', 'latncy': 1}]}},
        {'vaurien': {'enabled': False}},
        {'behavior': {'delay': {'slep': 1}}},
        {'behavior': {'mine': {'sleep': 1}}},
        {'proxy': {'a': {'http': True}}},
        {'schedule': {'steps': [{'behaviour': 'delay'}]}},
    ],
)
def test_mistakes(validator: Any, tree: dict[str, Any]) -> None:
    assert not validator.is_valid(tree)
