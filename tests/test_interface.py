"""What `vaurien.Proxy` and `vaurien.Client` have in common: the same verbs, with the same effects."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

import vaurien
from tests.behaviors.waiting import eventually
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT
from vaurien import Client, Proxy, ProxyControl
from vaurien.config.schedules import Plan
from vaurien.errors import ConfigError, ControlError
from vaurien.rules.behaviors import Options, Spec

PACKAGE = Path(vaurien.__file__).parent


@pytest.fixture(params=[Proxy, Client])
def control(request: pytest.FixtureRequest, echo_server: RawBackend) -> Iterator[ProxyControl]:
    """A proxy before a server that echoes, in this process or in another one. Nothing is armed."""
    if request.param is Client:
        client = Client(port=request.getfixturevalue('echoing').control_port)
        client.clear_faults()
        yield client
        client.reset()
        client.set_backend(echo_server.address)
        return
    with Proxy(echo_server.address, options={'delay': {'sleep': 0}}, journal=True) as proxy:
        yield proxy


def connect(control: ProxyControl) -> Peer:
    host, _, port = control.status()['proxy'].rpartition(':')
    return Peer.connect(int(port), host)


def echo(control: ProxyControl, times: int = 1) -> None:
    with connect(control) as peer:
        for _ in range(times):
            peer.send(b'hello')
            assert peer.recv_exactly(5) == b'hello'


def test_behaviors(control: ProxyControl) -> None:
    assert control.get_behavior() == 'dummy'
    control.set_behavior('20:error,10:delay(sleep=2)')
    assert control.get_behavior() == '20:error,10:delay'
    with control.with_behavior('hang', match='GET *') as same:
        assert same is control
        assert control.get_behavior() == "hang(match='GET *')"
    assert control.get_behavior() == '20:error,10:delay'


def test_lines_about_rules(control: ProxyControl) -> None:
    control.set_behavior("20:error(match='GET *', inject=false),10:delay(sleep=2),0:hang,50:dummy")
    assert control.describe_rules() == [
        "20:error(match='GET *'): matched 0 of 0 exchanges, applied to 0",
        '10:delay(sleep=2.0): matched 0 of 0 exchanges, applied to 0',
    ]


def test_faults_are_waited_for_one_after_the_other(control: ProxyControl) -> None:
    control.set_behavior('delay', times=2)
    assert control.take_fault() is None
    echo(control, 3)
    first, second = control.wait_for_fault(TIMEOUT), control.wait_for_fault(TIMEOUT)
    assert (first.exchange, second.exchange) == (1, 2)
    assert control.faults() == [first, second]
    with pytest.raises(TimeoutError) as caught:
        control.wait_for_fault(0.01)
    assert str(caught.value).startswith('no fault within 0.01 s; delay(')
    assert str(caught.value).endswith(': matched 3 of 3 exchanges, applied to 2')
    control.clear_faults()
    assert control.faults() == []


def test_faults_that_nobody_has_taken_are_given_up_when_something_is_armed(control: ProxyControl) -> None:
    control.set_behavior('delay')
    echo(control)
    eventually(control.faults)
    control.set_behavior('delay', sleep=0.001)
    assert control.take_fault() is None


def test_requests_that_are_held(control: ProxyControl) -> None:
    assert control.held() == []
    control.set_behavior('hold', wait=100 * TIMEOUT)
    with connect(control) as peer:
        peer.send(b'hello')
        held = control.wait_for_held(TIMEOUT)
        assert control.held()[0].keys() == held.keys()
        assert held['request'] == '5 bytes'
        control.decide(held['id'], 'pass')
        assert peer.recv_exactly(5) == b'hello'
        with pytest.raises((ConfigError, ControlError), match=f'no request {held["id"]} is held'):
            control.decide(held['id'], 'pass')
        with pytest.raises((ConfigError, ControlError), match='errors of tcp have no options'):
            control.decide(held['id'], 'error', code=503)
    with pytest.raises(TimeoutError, match=r'no request held within 0.01 s; hold'):
        control.wait_for_held(0.01)


def test_toxics(control: ProxyControl) -> None:
    added = control.add_toxic('latency', latency=5)
    assert control.toxics() == [added]
    assert control.update_toxic(added['name'], latency=6)['attributes']['latency'] == 6
    control.remove_toxic(added['name'])
    with control.toxic('noop', stream='upstream') as same:
        assert same is control
        assert [toxic['name'] for toxic in control.toxics()] == ['noop_upstream']
    assert control.toxics() == []


def test_links(control: ProxyControl) -> None:
    with connect(control) as peer:
        eventually(lambda: control.links() and control.links()[0]['backend'])
        [link] = control.links()
        control.cut_link(link['id'])
        assert peer.recv() == b''
    eventually(lambda: not control.links())


def test_down_and_up(control: ProxyControl) -> None:
    with control.down() as same:
        assert same is control
        assert control.status()['enabled'] is False
        with pytest.raises(ConnectionRefusedError):
            connect(control)
    echo(control)


def test_reset(control: ProxyControl) -> None:
    control.set_behavior('hang')
    control.add_toxic('noop')
    control.disable()
    control.reset()
    assert (control.get_behavior(), control.toxics()) == ('dummy', [])
    echo(control)


def test_backend(control: ProxyControl, raw_backend: RawBackend) -> None:
    control.set_backend(raw_backend.address)
    assert control.get_backend() == raw_backend.address
    with connect(control) as peer, raw_backend.accept() as backend:
        peer.send(b'hello')
        assert backend.recv_exactly(5) == b'hello'
    control.set_backend(f'redis://:secret@{raw_backend.address}/0')
    assert control.get_backend() == raw_backend.address
    with pytest.raises((ConfigError, ControlError), match='its URL is for TLS, which the proxy') as caught:
        control.set_backend('rediss://:secret@localhost')
    assert 'secret' not in str(caught.value)


def test_journal(control: ProxyControl) -> None:
    echo(control, 3)
    eventually(lambda: len(control.journal()) >= 3)
    entries = control.journal(limit=2)
    assert entries == control.journal()[-2:]
    assert [entry.request for entry in entries] == ['5 bytes'] * 2


def test_schedule(control: ProxyControl) -> None:
    steps = [{'after': 'deploy', 'behavior': '100:hang', 'for': '1h'}]
    with control.schedule(steps) as same:
        assert same is control
        assert control.get_behavior() == 'dummy'
        control.mark('deploy')
        eventually(lambda: control.get_behavior() == 'hang')
    assert control.get_behavior() == 'dummy'
    control.set_schedule(steps)
    assert control.get_schedule()['status'] == 'running'
    control.stop_schedule()
    assert control.get_schedule()['status'] == 'stopped'
    control.stop_schedule()


def test_where_it_is(control: ProxyControl) -> None:
    assert control.url.endswith(f'://{control.host}:{control.port}')
    assert control.url in repr(control) or f'{control.host}:{control.port}' in repr(control)


@pytest.mark.parametrize(
    ('protocol', 'url'),
    [
        ('tcp', 'tcp://127.0.0.1:'),
        ('http', 'http://127.0.0.1:'),
        ('redis', 'redis://127.0.0.1:'),
        ('postgres', 'postgresql://127.0.0.1:'),
        ('mysql', 'mysql://127.0.0.1:'),
    ],
)
def test_urls_are_those_of_the_protocol(protocol: str, url: str) -> None:
    proxy = Proxy('localhost:1', protocol)
    assert repr(proxy) == f'<Proxy of {protocol} before localhost:1, not running>'
    with proxy:
        assert proxy.url == f'{url}{proxy.port}'
        assert repr(proxy) == f'<Proxy of {protocol} before localhost:1, on 127.0.0.1:{proxy.port}>'


def test_urls_say_that_there_is_tls() -> None:
    with Proxy('localhost:1', 'http', tls='auto') as proxy:
        assert proxy.url == f'https://127.0.0.1:{proxy.port}'


def test_both_have_every_verb_with_the_same_parameters() -> None:
    verbs = [name for name in vars(ProxyControl) if not name.startswith('_')]
    assert len(verbs) > 25
    for name in verbs:
        expected = getattr(ProxyControl, name)
        for class_ in (Proxy, Client):
            found = getattr(class_, name)
            if callable(expected):
                assert list(inspect.signature(found).parameters) == list(inspect.signature(expected).parameters)
            assert inspect.getdoc(found)


#: What a type checker sees of the package, and where it is.
PUBLIC = {
    'asynchronous.py': {'AsyncControl', 'AsyncClient', 'AsyncProxy', 'in_thread'},
    'client.py': {'Client'},
    'embedded.py': {'Proxy'},
    'interface.py': {'ProxyControl'},
    'pytest_plugin.py': {'vaurien_proxy', 'vaurien_proxies', 'vaurien_proxy_factory'},
    'testing/proxies.py': {'MakeProxy'},
    'process.py': {'start_proxy', 'stop_proxy'},
}


def list_annotations(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the annotations of public functions, each with the name of the function."""
    for one in ast.walk(node):
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and (
            one.name in ('__init__', '__call__') or one.name[0] != '_'
        ):
            given = one.args
            arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            for annotation in [one.returns, *(argument.annotation for argument in arguments if argument)]:
                if annotation is not None:
                    yield one.name, annotation


@pytest.mark.parametrize('path', PUBLIC)
def test_no_public_signature_has_any(path: str) -> None:
    nodes = [node for node in ast.parse((PACKAGE / path).read_text()).body if getattr(node, 'name', '') in PUBLIC[path]]
    assert {getattr(node, 'name', '') for node in nodes} == PUBLIC[path]
    found = [(name, ast.unparse(annotation)) for node in nodes for name, annotation in list_annotations(node)]
    assert found
    assert not [(name, text) for name, text in found if 'Any' in text.replace('[', ' ').replace(']', ' ').split()]


@pytest.mark.parametrize('alias', [Spec, Options, Plan])
def test_nor_has_a_type_that_they_name(alias: Any) -> None:
    def flatten(type_: Any) -> Iterator[Any]:
        yield type_
        for inner in get_args(type_):
            yield from flatten(inner)

    assert Any not in list(flatten(alias))
