"""Plug-ins by name: what is built in, what is refused, and what each must have."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest

from tests.loop import in_loop
from vaurien.behaviors import Behavior
from vaurien.behaviors.dummy import Dummy
from vaurien.errors import PluginError
from vaurien.plugins import registry
from vaurien.plugins.options import convert
from vaurien.plugins.registry import Registry, load_callable
from vaurien.protocols import Protocol
from vaurien.protocols.base import BaseProtocol

BEHAVIORS = [
    *('abort', 'blackout', 'certificate', 'connect_timeout', 'delay', 'dribble', 'dummy', 'error', 'hang'),
    *('hold', 'malformed', 'refuse', 'slow_accept', 'transient', 'unplug'),
]
PROTOCOLS = ['http', 'memcache', 'mysql', 'postgres', 'redis', 'smtp', 'tcp']
BUILT_IN = [*((Behavior, name) for name in BEHAVIORS), *((Protocol, name) for name in PROTOCOLS)]

UNIT = re.compile(r'\b(seconds?|bytes?|percent|times|exchanges|status code)\b', re.IGNORECASE)


class Late(Dummy):
    """Comes late."""

    name = 'late'


def _yield_nothing(*args: object) -> Iterator[None]:
    yield


async def _await_nothing(*args: object) -> None:
    """Do nothing."""


@pytest.fixture
def behaviors() -> Registry[Dummy]:
    return Registry('behavior', 'vaurien.behaviors', Dummy)


def install(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    """Have these pairs of name and reference be all that is installed."""
    monkeypatch.setattr(
        registry, 'find_entry_points', lambda group: [EntryPoint(name, reference, group) for name, reference in points]
    )


def test_built_in_names() -> None:
    """A new plug-in belongs here, and in the documentation."""
    assert sorted(Behavior._installed()) == BEHAVIORS
    assert sorted(Protocol._installed()) == PROTOCOLS


@pytest.mark.parametrize(('plugins', 'name'), BUILT_IN, ids=lambda value: value if isinstance(value, str) else '')
class TestEveryBuiltIn:
    def test_is_named_as_installed(self, plugins: Registry[Any], name: str) -> None:
        assert plugins.get(name).name == name

    def test_has_a_docstring_of_its_own(self, plugins: Registry[Any], name: str) -> None:
        assert re.match(r'[A-Z].*\.$', (vars(plugins.get(name)).get('__doc__') or '').split('\n')[0])

    def test_has_a_test_file(self, plugins: Registry[Any], name: str) -> None:
        assert (Path(__file__).parents[1] / f'{plugins.kind}s' / f'test_{name}.py').is_file()

    def test_its_quantities_have_units(self, plugins: Registry[Any], name: str) -> None:
        for option, (text, type_, _) in plugins.get(name).options.items():
            plain = get_args(type_)[0] if get_origin(type_) is Annotated else type_
            if plain in (int, float):
                assert UNIT.search(text), f'{name}: --{option} says no unit: {text!r}'

    def test_its_errors_take_what_it_declares(self, plugins: Registry[Any], name: str) -> None:
        plugin = plugins.get(name)
        if plugins is Protocol and plugin.error is not BaseProtocol.error:
            declared = {option: default for option, (_, _, default) in plugin.all_options('error_options').items()}
            taken = list(signature(plugin.error).parameters.values())[1:]
            assert {parameter.name: parameter.default for parameter in taken} == declared
            for option, (_, type_, default) in plugin.error_options.items():
                assert convert(default, type_) == default, option

    def test_its_defaults_are_of_their_type(self, plugins: Registry[Any], name: str) -> None:
        plugin = plugins.get(name)
        defaults = {option: default for option, (_, _, default) in plugin.options.items()}
        assert plugin.check(defaults) == defaults


def test_unknown(behaviors: Registry[Dummy]) -> None:
    with pytest.raises(PluginError, match=r"^unknown behavior 'dely', did you mean 'delay'\?$"):
        behaviors.get('dely')
    with pytest.raises(PluginError, match='known: abort, blackout, certificate, connect_timeout'):
        behaviors.get('xyzzy')


def test_registered(behaviors: Registry[Dummy]) -> None:
    assert behaviors.register(Late) is Late
    assert behaviors.get('late') is Late
    assert behaviors.names() == sorted([*BEHAVIORS, 'late'])


def test_registered_by_decorator(behaviors: Registry[Dummy]) -> None:
    @behaviors.register
    class Later(Late):
        name = 'later'

    assert behaviors.get('later') is Later


def test_registering_the_same_class_again_changes_nothing(behaviors: Registry[Dummy]) -> None:
    for _ in range(2):
        behaviors.register(Late)
        behaviors.register(Late, 'tardy')
    assert behaviors.get('late') is Late


def test_another_name_is_the_name(behaviors: Registry[Dummy]) -> None:
    behaviors.register(Late, 'tardy')
    tardy = behaviors.get('tardy')
    assert issubclass(tardy, Late)
    assert (tardy.name, tardy.__name__, tardy.__doc__) == ('tardy', 'Late', Late.__doc__)
    assert Late.name == 'late'


def test_a_class_that_forgets_its_name_is_not_dummy(behaviors: Registry[Dummy]) -> None:
    class Nameless(Dummy):
        pass

    with pytest.raises(PluginError, match="'' is no name for a behavior"):
        behaviors.register(Nameless)
    behaviors.register(Nameless, 'mine')
    assert behaviors.get('mine').name == 'mine'


def test_duplicates(behaviors: Registry[Dummy]) -> None:
    class Other(Dummy):
        name = 'late'

    behaviors.register(Late)
    with pytest.raises(PluginError, match=r"^there is a behavior named 'late' already: \S+test_registry:Late$"):
        behaviors.register(Other)
    with pytest.raises(
        PluginError, match=r"^there is a behavior named 'dummy' already: vaurien.behaviors.dummy:Dummy$"
    ):
        behaviors.register(Other, 'dummy')
    assert behaviors.get('late') is Late


def test_a_built_in_one_gives_way(behaviors: Registry[Dummy]) -> None:
    class Delay(Dummy):
        name = 'delay'

    class Other(Dummy):
        name = 'delay'

    assert behaviors.get('delay') is not Delay
    behaviors.register(Delay)
    assert behaviors.get('delay') is Delay
    with pytest.raises(PluginError, match=r"^there is a behavior named 'delay' already: \S+test_registry:\S+Delay$"):
        behaviors.register(Other)


@pytest.mark.parametrize('plugin', [object, Protocol, Late(), 'late'])
def test_what_is_no_behavior(behaviors: Registry[Dummy], plugin: Any) -> None:
    with pytest.raises(PluginError, match=r'is no behavior: expected a subclass of Dummy$'):
        behaviors.register(plugin, 'late')


@pytest.mark.parametrize('name', ['20:late', 'la,te', 'la te', 'la.te', '-late', 'späte'])
def test_names_that_would_not_fit_a_spec(behaviors: Registry[Dummy], name: str) -> None:
    with pytest.raises(PluginError, match='is no name for a behavior'):
        behaviors.register(Late, name)


def test_an_option_declared_wrongly(behaviors: Registry[Dummy]) -> None:
    class Short(Dummy):
        name = 'short'
        options = {'sleep': ('Seconds', int)}  # type: ignore[dict-item]

    with pytest.raises(PluginError, match="option 'sleep' of 'short' is not declared as"):
        behaviors.register(Short)


@pytest.mark.parametrize(
    ('attributes', 'error'),
    [
        ({'options': [('sleep', int)]}, "options of 'odd' is not declared as {name: (help, type, default)}"),
        ({'options': {'x': ('X', lambda value: value, 1)}}, "option 'x' of 'odd' has a type that cannot be read: "),
        ({'on_before_handle': _yield_nothing}, "on_before_handle of 'odd' is a generator or a coroutine, "),
        ({'on_after_handle': _await_nothing}, "on_after_handle of 'odd' is a generator or a coroutine, "),
    ],
    ids=['a list of options', 'a function for a type', 'a generator', 'a coroutine'],
)
def test_what_would_fail_later(behaviors: Registry[Dummy], attributes: dict[str, Any], error: str) -> None:
    with pytest.raises(PluginError, match=re.escape(error)):
        behaviors.register(type('Odd', (Dummy,), attributes), 'odd')


def test_an_error_option_declared_wrongly() -> None:
    class Short(BaseProtocol):
        name = 'short'
        error_options = {'code': ('Code', int)}  # type: ignore[dict-item]

    with pytest.raises(PluginError, match="option 'code' of 'short' is not declared as"):
        Registry('protocol', 'vaurien.protocols', BaseProtocol).register(Short)


def test_installed_by_another_package(behaviors: Registry[Dummy], monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ('slow', 'tests.samples.delay:Delay'), ('broken', 'tests.samples.nothing:Delay'))
    assert behaviors.names() == ['broken', 'slow']
    assert behaviors.get('slow').name == 'slow'
    with pytest.raises(PluginError, match=r"cannot load 'tests.samples.nothing:Delay': ModuleNotFoundError"):
        behaviors.get('broken')


def test_installed_twice(behaviors: Registry[Dummy], monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ('slow', 'tests.samples.delay:Delay'), ('slow', 'other:Delay'))
    assert behaviors.names() == ['slow']
    error = "several packages bring a behavior named 'slow', .*: tests.samples.delay:Delay and other:Delay"
    with pytest.raises(PluginError, match=error):
        behaviors.get('slow')
    assert behaviors.usable() == {}


@pytest.mark.parametrize('is_first', [False, True])
def test_installed_under_the_name_of_a_built_in_one(
    behaviors: Registry[Dummy], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_first: bool
) -> None:
    points = [('delay', 'vaurien.behaviors.delay:Delay'), ('delay', 'tests.samples.delay:Delay')]
    install(monkeypatch, *(points[::-1] if is_first else points))
    assert behaviors.get('delay').__module__ == 'vaurien.behaviors.delay'
    assert caplog.messages == ["tests.samples.delay:Delay is left out: Vaurien has a behavior named 'delay' itself"]


def test_installed_and_registered(behaviors: Registry[Dummy], monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ('late', f'{Late.__module__}:Late'))
    behaviors.register(Late)
    assert behaviors.get('late') is Late
    with pytest.raises(PluginError, match=r"^there is a behavior named 'late' already: \S+:Late$"):
        behaviors.register(Dummy, 'late')


def test_installed_and_not_a_behavior(behaviors: Registry[Dummy], monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ('slow', 'tests.samples.minitel:MinitelProtocol'))
    with pytest.raises(PluginError, match='is no behavior'):
        behaviors.get('slow')


def test_nothing_is_imported_before_it_is_used(behaviors: Registry[Dummy], monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ('slow', 'tests.samples.delay:Delay'))
    monkeypatch.delitem(sys.modules, 'tests.samples.delay', raising=False)
    behaviors.names()
    assert 'tests.samples.delay' not in sys.modules
    behaviors.get('slow')
    assert 'tests.samples.delay' in sys.modules


@pytest.mark.parametrize('reference', ['tests.samples.delay:Delay', 'tests.samples.delay.Delay'])
def test_references_have_a_colon_or_a_dot(reference: str) -> None:
    assert load_callable(reference).name == 'delay'


@pytest.mark.parametrize('reference', ['', 'delay', 'tests.samples.delay:', 'tests.samples.delay.', ':Delay', '.Delay'])
def test_references_of_the_wrong_form(reference: str) -> None:
    with pytest.raises(PluginError, match='is not of the form'):
        load_callable(reference)


def test_references_to_nothing() -> None:
    with pytest.raises(PluginError, match='AttributeError'):
        load_callable('tests.samples.delay:Hurry')
    with pytest.raises(PluginError, match='ModuleNotFoundError'):
        load_callable('tests.samples.hurry:Hurry')
    with pytest.raises(PluginError, match='AttributeError'):
        load_callable('tests.samples.hurry')


class TestThreads:
    """One asks while another is in the middle of the same."""

    def test_both_may_be_the_first_to_ask(self, monkeypatch: pytest.MonkeyPatch, behaviors: Registry[Dummy]) -> None:
        others: list[list[str]] = []

        def read(group: str) -> Iterator[EntryPoint]:
            yield EntryPoint('delay', 'vaurien.behaviors.delay:Delay', group)
            if not others:
                others.append([])
                others.append(in_loop(behaviors.names))
            yield EntryPoint('hang', 'vaurien.behaviors.hang:Hang', group)

        monkeypatch.setattr(registry, 'find_entry_points', read)
        assert behaviors.names() == ['delay', 'hang']
        assert others[1] == ['delay', 'hang']

    def test_both_get_the_same_class(self, monkeypatch: pytest.MonkeyPatch, behaviors: Registry[Dummy]) -> None:
        install(monkeypatch, ('slow', 'vaurien.behaviors.delay:Delay'))
        others: list[type[Dummy]] = []

        def load(reference: str) -> Any:
            if not others:
                others.append(Dummy)
                others.append(in_loop(lambda: behaviors.get('slow')))
            return load_callable(reference)

        monkeypatch.setattr(registry, 'load_callable', load)
        assert behaviors.get('slow') is others[1]

    def test_only_one_takes_a_name(self, monkeypatch: pytest.MonkeyPatch, behaviors: Registry[Dummy]) -> None:
        installed = behaviors._installed

        def look() -> dict[str, str]:
            monkeypatch.setattr(behaviors, '_installed', installed)
            in_loop(lambda: behaviors.register(Late))
            return installed()

        monkeypatch.setattr(behaviors, '_installed', look)
        with pytest.raises(PluginError, match="a behavior named 'late' already"):
            behaviors.register(type('Other', (Dummy,), {'name': 'late'}))
        assert behaviors.get('late') is Late
