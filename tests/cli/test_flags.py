"""Flags to settings: one for everything, with the type, default and help of its declaration."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from vaurien.address import Address
from vaurien.behaviors import Behavior
from vaurien.behaviors.dummy import Dummy
from vaurien.cli.flags import EPILOG, make_parser, parse
from vaurien.config.keys import CLASSIC, REGISTRIES, SETTINGS
from vaurien.errors import ConfigError, PluginError
from vaurien.protocols import Protocol
from vaurien.rules.behaviors import make_rules
from vaurien.rules.toxics import read_toxics
from vaurien.settings import Settings

EXAMPLES = Path(__file__).parents[2] / 'examples'


@pytest.fixture(autouse=True)
def _registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what the test has registered."""
    for registry in (Behavior, Protocol):
        monkeypatch.setattr(registry, '_registered', dict(registry._registered))


def refused(*argv: str) -> str:
    """Return the error for these flags."""
    with pytest.raises(ConfigError) as caught:
        parse(argv)
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_nothing() -> None:
    assert parse([])[:4] == (Settings(), (), False, None)


def test_the_first_example() -> None:
    line = '--proxy 0.0.0.0:8888 --backend example.com:80 --protocol http --behavior 20:error'
    assert parse(line.split()).settings == Settings(
        proxy=Address('0.0.0.0', 8888),
        backend=Address('example.com', 80),
        protocol='http',
        behaviors=make_rules('20:error', {}),
    )


def test_the_second_example() -> None:
    line = (
        '--proxy localhost:8000 --backend localhost:6379 --protocol redis'
        ' --behavior 5:error,10:delay --behavior-delay-sleep 2'
    )
    settings = parse(line.split()).settings
    assert settings.behavior_options == {'delay': {'sleep': 2.0}}
    assert settings.behaviors == make_rules('5:error,10:delay', {'delay': {'sleep': 2.0}})


def test_every_example_of_the_help_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = re.findall(r'^  vaurien (.*)$', EPILOG.replace('\\\n', ''), re.MULTILINE)
    assert len(examples) == 7
    monkeypatch.chdir(EXAMPLES)
    for example in examples:
        if '--config' not in example:
            parse(shlex.split(example))


def test_every_setting() -> None:
    line = (
        '--proxy [::1]:0 --backend localhost:1 --protocol redis --behavior delay --seed -3 --timeout 2.5'
        ' --idle-timeout 60 --resolve-interval 5 --keepalive 7 --backlog 16 --max-links 100 --classes 20'
        ' --http --http-host 0.0.0.0 --http-port 8081 --ui --workers 2'
        ' --log-level debug --log-output - --log-format json --toxic latency(latency=200)@upstream,slicer'
        ' --api-host toxiproxy,vaurien.test --api-token s3cret'
        ' --tls auto --tls-mode upgrade --proxy-tls cert.pem:key.pem --proxy-tls-client-ca clients.pem --backend-tls'
        ' --backend-tls-verify no --backend-tls-ca ca.pem --backend-tls-name db.example.com'
        ' --backend-tls-cert client.pem --backend-tls-key client.key --tls-min 1.2 --tls-max 1.3'
        ' --tls-keylog keys.log --tls-ca-file authority.pem --addressed --mark-faults'
        ' --journal run.jsonl --journal-max 1MB --replay before.jsonl --otel http://localhost:4318 --otel-all'
    )
    elsewhere = {'behaviors', 'server', 'toxiproxy_config'}
    flags = {flag[2:].replace('-', '_') for flag in re.findall(r'--[\w-]+', line)}
    assert flags - {'toxic'} | {'toxics'} == set(SETTINGS) - elsewhere
    assert parse(line.split()).settings == Settings(
        proxy=Address('::1', 0),
        backend=Address('localhost', 1),
        protocol='redis',
        behaviors=make_rules('delay', {}),
        seed=-3,
        timeout=2.5,
        idle_timeout=60.0,
        resolve_interval=5.0,
        keepalive=7,
        backlog=16,
        max_links=100,
        classes=20,
        http=True,
        http_host='0.0.0.0',
        http_port=8081,
        ui=True,
        workers=2,
        log_level='debug',
        otel='http://localhost:4318',
        otel_all=True,
        log_output='-',
        log_format='json',
        toxics=read_toxics('latency(latency=200)@upstream,slicer'),
        api_host=('toxiproxy', 'vaurien.test'),
        api_token='s3cret',
        tls='auto',
        tls_mode='upgrade',
        proxy_tls='cert.pem:key.pem',
        proxy_tls_client_ca='clients.pem',
        backend_tls=True,
        backend_tls_verify=False,
        backend_tls_ca='ca.pem',
        backend_tls_name='db.example.com',
        backend_tls_cert='client.pem',
        backend_tls_key='client.key',
        tls_min='1.2',
        tls_max='1.3',
        tls_keylog='keys.log',
        tls_ca_file='authority.pem',
        addressed=True,
        mark_faults=True,
        journal='run.jsonl',
        journal_max=1_000_000,
        replay='before.jsonl',
    )


def test_the_token_that_toxiproxy_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('TOXIPROXY_AUTH_TOKEN', 'open-sesame')
    assert parse(['--server']).settings.api_token == 'open-sesame'
    path = tmp_path / 'vaurien.ini'
    path.write_text('[vaurien]\napi_token = other\n')
    assert parse(['--config', str(path)]).settings.api_token == 'other'
    assert parse(['--server', '--api-token', 'other']).settings.api_token == 'other'
    monkeypatch.setenv('TOXIPROXY_AUTH_TOKEN', 'two words')
    assert refused('--server') == 'TOXIPROXY_AUTH_TOKEN: expected ASCII characters, and no spaces'
    monkeypatch.setenv('TOXIPROXY_AUTH_TOKEN', '')
    assert parse([]).settings.api_token is None


def test_a_server_starts_without_a_proxy() -> None:
    for argv in (['--server'], ['--server', 'yes'], ['--server', '--http-port', '8474']):
        assert parse(argv).settings == Settings(proxies=(), http=True, http_port=8474)
    assert parse(['--server', 'no']).settings == Settings()
    moved = parse(['--server', '--http-host', '0.0.0.0', '--http-port', '80', '--seed', '7']).settings
    assert moved == Settings(proxies=(), http=True, http_host='0.0.0.0', http_port=80, seed=7)


def test_a_file_of_toxiproxy(tmp_path: Path) -> None:
    path = tmp_path / 'proxies.json'
    path.write_text('[{"name": "redis", "listen": "localhost:6380", "upstream": "localhost:6379"}]')
    settings = parse(['--toxiproxy-config', str(path), '--seed', '7', '--timeout', '5']).settings
    assert (settings.http, settings.http_port) == (True, 8474)
    assert settings.proxies is not None
    (proxy,) = settings.proxies
    assert (proxy.name, proxy.proxy, proxy.backend) == ('redis', ('localhost', 6380), ('localhost', 6379))
    assert (proxy.seed, proxy.timeout) == (7, 5.0)


def test_every_option_has_a_flag_that_takes_its_default() -> None:
    shown = make_parser().format_help()
    for kind, registry in REGISTRIES.items():
        for name in registry.names():
            for option, (text, _, default) in registry.get(name).own_options().items():
                flag = f'--{kind}-{name}-{option}'.replace('_', '-')
                assert flag.replace('-dummy-', '-NAME-') in shown
                assert text.split()[0] in shown
                if default is not None:
                    settings = parse([f'{flag}={str(default).lower()}']).settings
                    given = {'behavior': settings.behavior_options, 'protocol': settings.protocol_options}
                    assert given[kind] == {name: {option: default}}


@pytest.mark.parametrize(
    ('argv', 'value'),
    [
        (['--behavior-delay-before'], True),
        (['--behavior-delay-before', 'false'], False),
        (['--behavior-delay-before=no'], False),
        (['--behavior-delay-before', 'yes', '--behavior', 'delay'], True),
    ],
)
def test_a_switch_can_be_unset(argv: list[str], value: bool) -> None:
    assert parse(argv).settings.behavior_options == {'delay': {'before': value}}


def test_flags_win_over_the_file_a_switch_too(tmp_path: Path) -> None:
    path = tmp_path / 'vaurien.ini'
    path.write_text('[vaurien]\nhttp = yes\nseed = 1\ntimeout = 5\n')
    settings = parse(['--http', 'off', f'--config={path}', '--seed', '2']).settings
    assert (settings.http, settings.seed, settings.timeout) == (False, 2, 5.0)


def test_a_plug_in_of_the_file_brings_flags(tmp_path: Path) -> None:
    path = tmp_path / 'vaurien.toml'
    path.write_text("[behavior.slow]\ncallable = 'tests.samples.delay:Delay'\nsleep = 3\n")
    argv = ['--behavior', '20:slow', '--config', str(path)]
    assert parse(argv).settings.behavior_options == {'slow': {'sleep': 3}}
    assert parse([*argv, '--behavior-slow-sleep', '4']).settings.behavior_options == {'slow': {'sleep': 4}}
    assert 'Delay in seconds (default 1)' in make_parser().format_help()


@pytest.mark.parametrize('given', [[], ['1'], ['yes']])
def test_classic_flags_are_ignored(given: list[str]) -> None:
    every = [
        '--' + f'{section}-{name}'.removeprefix('vaurien-').replace('.', '-')
        for section, names in CLASSIC.items()
        for name in names
    ]
    assert len(every) == 40
    for flag in every:
        assert parse([flag, *given])[:4] == (Settings(), (flag,), False, None)
    assert not any(flag in make_parser().format_help() for flag in every)


def test_classic_flags_of_statsd_have_a_dot() -> None:
    assert parse(['--statsd.host', 'localhost', '--statsd.sample-rate=0.5']).ignored == (
        '--statsd-host',
        '--statsd-sample-rate',
    )


@pytest.mark.parametrize('level', ['INFO', 'info', 'Info'])
def test_the_case_of_a_log_level_does_not_matter(level: str) -> None:
    assert parse(['--log-level', level]).settings.log_level == 'info'


def test_classic_flags_and_keys_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / 'vaurien.ini'
    path.write_text('[vaurien]\nstay_connected = 1\n')
    ignored = parse(['--config', str(path), '--protocol-tcp-keep-alive']).ignored
    assert ignored == (f'{path}:2: vaurien.stay_connected', '--protocol-tcp-keep-alive')


@pytest.mark.parametrize(
    ('line', 'said'),
    [
        ('--prox localhost:1', 'unknown flag --prox, did you mean --proxy?'),
        ('--prox=localhost:1', 'unknown flag --prox, did you mean --proxy?'),
        ('--behavior-dely-sleep 2', 'unknown flag --behavior-dely-sleep, did you mean --behavior-delay-sleep?'),
        ('--stay-connecte', 'unknown flag --stay-connecte, see vaurien --help'),
        ('-x', 'unknown flag -x, see vaurien --help'),
        ('8000', "unexpected argument '8000', see vaurien --help"),
        ('--proxy', '--proxy: expected one argument, see vaurien --help'),
        ('--config', '--config: expected one argument, see vaurien --help'),
        ('--proxy web', "--proxy: 'web' is not an address: expected host:port"),
        ('--backend ::1:80', "--backend: '::1:80' is ambiguous: write an IPv6 address in brackets, [::1]:8000"),
        ('--protocol htp', "--protocol: unknown protocol 'htp', did you mean 'http'?"),
        ('--behavior 20:eror', "--behavior: unknown behavior 'eror', did you mean 'error'?"),
        (
            '--behavior 60:hang,60:delay',
            "--behavior: '60:hang,60:delay' adds up to 120 percent, more than 100, at delay",
        ),
        ('--behavior-delay-before maybe', "--behavior-delay-before: expected bool, got 'maybe'"),
        ('--http-port http', "--http-port: expected int, got 'http'"),
        ('--log-level loud', "--log-level: expected one of debug, info, warning, error, critical, got 'loud'"),
        ('--log-format xml', "--log-format: expected one of text, json, got 'xml'"),
        ('--timeout -1', "--timeout: expected float > 0.0, got '-1'"),
        ('--max-links 0', "--max-links: expected int >= 1, got '0'"),
        ('--classes -1', "--classes: expected int >= 0, got '-1'"),
        ('--toxic latncy', "--toxic: unknown toxic 'latncy', did you mean 'latency'?"),
        ('--toxic latency(latency=soon)', "--toxic: latency: expected a duration such as 200ms or 2s, got 'soon'"),
        ('--toxic latency(', "--toxic: expected option=value in '('"),
        ('--toxic noop(name=a/b)', "--toxic: name: 'a/b' does not fit into a URL"),
        ('--toxic noop@side', "--toxic: stream: expected upstream, downstream or both, got 'side'"),
        ('--toxic noop@', "--toxic: unexpected '@' in 'noop@': expected @upstream, @downstream or @both"),
        ('--toxic noop,noop', "--toxic: there are two toxics named 'noop_downstream': give one of them another name"),
        (
            '--api-host toxiproxy:8474',
            "--api-host: 'toxiproxy:8474' is not the name of a machine: expected a name without a port",
        ),
        ('--api-token=', '--api-token: expected ASCII characters, and no spaces'),
        (
            '--server --proxy localhost:1',
            '--proxy: each proxy needs an address of its own: there are several proxies, or none yet',
        ),
        ('--server --http no', '--http: without the control API there will never be a proxy'),
        ('--server maybe', "--server: expected bool, got 'maybe'"),
        ('--toxiproxy-config no.json', 'no.json: cannot read it: No such file or directory'),
        ('--behavior-delay-sleep table(no)', '--behavior-delay-sleep: cannot read no: No such file or directory'),
        ('--config no.ini', 'no.ini: cannot read it: No such file or directory'),
        *(
            (
                f'--demo {flag}',
                f'{flag.split()[0]}: it is of no use with --demo, which has a proxy and a backend of its own',
            )
            for flag in ('--backend localhost:1', '--behavior-delay-sleep 2', '--http no', '--dry-run')
        ),
    ],
)
def test_mistakes(line: str, said: str) -> None:
    assert refused(*line.split()) == said


def test_two_options_of_one_flag() -> None:
    class First(Dummy):
        name = 'a'
        options = {'b-c': ('Seconds', int, 1)}

    class Second(Dummy):
        name = 'a-b'
        options = {'c': ('Seconds', int, 1)}

    Behavior.register(First)
    Behavior.register(Second)
    with pytest.raises(PluginError, match='two options want the flag --behavior-a-b-c'):
        make_parser()


def test_a_broken_plug_in_harms_only_who_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Behavior._installed(), 'broken', 'tests.samples.nothing:Broken')
    assert parse(['--behavior', 'delay']).settings.behaviors
    assert "cannot load 'tests.samples.nothing:Broken'" in ' '.join(make_parser().format_help().split())
    assert refused('--behavior', 'broken').startswith("--behavior: cannot load 'tests.samples.nothing:Broken'")


def test_percent_signs_in_a_help_text() -> None:
    class Part(Dummy):
        name = 'part'
        options = {'share': ('Share kept, 100% is all of it', int, 50)}

    Behavior.register(Part)
    assert 'Share kept, 100% is all of it (default 50)' in ' '.join(make_parser().format_help().split())
