"""Options that plug-ins of one kind declare for a plug-in of another kind."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from msgspec import Meta

from tests.loop import in_loop
from vaurien.plugins.merged import MergedOptions, merge
from vaurien.plugins.options import Configurable, Option
from vaurien.plugins.registry import Registry

Code = Annotated[int, Meta(ge=100)]
OWN: dict[str, Option] = {'often': ('Times', int, 1)}


class Web(Configurable):
    name = 'web'
    error_options: dict[str, Option] = {
        'code': ('Status', Code | None, None),
        'body': ('Body', str, 'sorry'),
    }


class Mail(Configurable):
    name = 'mail'
    error_options: dict[str, Option] = {'code': ('Reply code', Code, 451)}


@pytest.fixture
def plugins() -> Registry[Configurable]:
    registry = Registry('protocol', 'nothing.installed', Configurable)
    registry.register(Web)
    return registry


def test_what_is_declared_later_is_there(plugins: Registry[Configurable]) -> None:
    options = MergedOptions(plugins, 'error_options', OWN)
    assert list(options) == ['code', 'body', 'often']
    plugins.register(Mail)
    plugins.register(type('News', (Web,), {'error_options': {'group': ('Newsgroup', str, 'all')}}), 'news')
    assert list(options) == ['code', 'group', 'body', 'often']
    assert len(options) == 4
    assert options['often'] == OWN['often']
    assert options['group'] == ('news: Newsgroup (default all)', str | None, None)
    assert list(options.merged()) == ['code', 'group', 'body']


def test_help_says_who_takes_what() -> None:
    merged = merge({'web': Web.error_options, 'mail': Mail.error_options}, ())
    assert merged == {
        'code': ('web: Status; mail: Reply code (default 451)', Code | None, None),
        'body': ('web: Body (default sorry)', str | None, None),
    }


@pytest.mark.parametrize(
    ('texts', 'defaults', 'joined'),
    [
        (['Text', 'Text'], ['x', 'x'], 'one, two: Text (default x)'),
        (['Text', 'Text'], ['x', 'y'], 'one: Text (default x); two: Text (default y)'),
        (['Text', 'Line'], ['x', 'x'], 'one: Text; two: Line (default x)'),
        (['Text', 'Text'], [None, None], 'one, two: Text'),
    ],
)
def test_help_is_short(texts: list[str], defaults: list[Any], joined: str) -> None:
    declared = {
        name: {'message': (text, str | None, default)}
        for name, text, default in zip(('one', 'two'), texts, defaults, strict=True)
    }
    assert merge(declared, ())['message'] == (joined, str | None, None)


def test_a_name_that_is_taken_is_left_out(plugins: Registry[Configurable], caplog: pytest.LogCaptureFixture) -> None:
    plugins.register(type('Own', (Configurable,), {'error_options': {'often': ('Often', int, 2)}}), 'own')
    plugins.register(type('Every', (Configurable,), {'error_options': {'match': ('Match', str, '')}}), 'every')
    plugins.register(type('Zoned', (Configurable,), {'error_options': {'code': ('Zone', str, '')}}), 'zoned')
    options = MergedOptions(plugins, 'error_options', OWN, taken=['match'])
    assert list(options) == ['code', 'body', 'often']
    assert options['code'][1] == Code | None
    assert caplog.messages == [
        'option match of every is left out: the name is taken',
        'option often of own is left out: the name is taken',
        'option code of zoned is left out: the name is taken',
    ]
    list(options)
    assert len(caplog.messages) == 3


def test_built_in_ones_come_first() -> None:
    theirs = type('Theirs', (Configurable,), {'error_options': {'code': ('Theirs', str, '')}})
    ours = type('Ours', (Configurable,), {'error_options': {'code': ('Ours', int, 1)}, '__module__': 'vaurien.ours'})
    registry = Registry('protocol', 'nothing.installed', Configurable)
    registry.register(theirs, 'a')
    registry.register(ours, 'b')
    assert MergedOptions(registry, 'error_options', OWN)['code'] == ('b: Ours (default 1)', int | None, None)


def test_choose(plugins: Registry[Configurable]) -> None:
    options = MergedOptions(plugins, 'error_options', OWN)
    assert options.choose({'code': 500, 'body': None, 'often': 2, 'other': 3}) == {'code': 500}
    assert options.choose({}) == {}


def test_two_threads_may_be_the_first_to_ask(plugins: Registry[Configurable]) -> None:
    options = MergedOptions(plugins, 'error_options', OWN)
    others: list[list[str]] = []

    class News(Configurable):
        name = 'news'

        @classmethod
        def all_options(cls, attribute: str = 'options') -> dict[str, Option]:
            if not others and is_registered:
                others.append([])
                others.append(in_loop(lambda: list(options)))
            return {}

    is_registered = False
    plugins.register(News)
    is_registered = True
    assert list(options) == others[1] == ['code', 'body', 'often']
