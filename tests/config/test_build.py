"""Files and flags become settings; mistakes become one line with file and place.

This also tests `keys`, `source` and `values`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.arming import UNAIMED
from vaurien.address import Address
from vaurien.behaviors import Behavior
from vaurien.config.build import build
from vaurien.config.keys import SETTINGS
from vaurien.config.source import Source, make_source, read, register
from vaurien.errors import ConfigError
from vaurien.protocols import Protocol
from vaurien.rules.behaviors import make_rules
from vaurien.rules.toxics import read_toxics
from vaurien.settings import Settings

#: The seeds' file, verbatim.
SEED = """\
[vaurien]
backend = google.com:80
proxy = localhost:8000
protocol = http
behavior = 20:delay

[behavior:delay]
sleep = 2
"""

EVERYTHING = {
    'ini': """\
[vaurien]
proxy = [::1]:0
backend = localhost:6379
protocol = redis
behavior = 5:error, 10:delay
seed = 7
timeout = 2.5
idle-timeout = 60
resolve-interval = 5
keepalive = 7
backlog = 16
max_links = 100
classes = 20
tls = auto
tls_mode = upgrade
proxy_tls = cert.pem:key.pem
proxy_tls_client_ca = clients.pem
backend_tls = yes
backend_tls_verify = no
backend_tls_ca = ca.pem
backend_tls_name = db.example.com
backend_tls_cert = client.pem
backend_tls_key = client.key
tls_min = 1.2
tls_max = 1.3
tls_keylog = keys.log
tls_ca_file = authority.pem
addressed = yes
mark-faults = yes
http = yes
http_host = 0.0.0.0
http-port = 8081
ui = yes
workers = 2
log-level = debug
log-output = /var/log/vaurien.log
log-format = json
otel = http://localhost:4318
otel-all = yes
journal = run.jsonl
journal-max = 1MB
replay = before.jsonl
toxics = latency(latency=200)@upstream, slicer(name=cut, toxicity=0.5)
api-host = toxiproxy, vaurien.test
api_token = s3cret

[behavior:delay]
sleep = 2
before = no

[protocol:http]
overwrite-host-header = true
""",
    'toml': """\
[vaurien]
proxy = '[::1]:0'
backend = 'localhost:6379'
protocol = 'redis'
behavior = '5:error, 10:delay'
seed = 7
timeout = 2.5
idle-timeout = 60
resolve-interval = 5
keepalive = 7
backlog = 16
max_links = 100
classes = 20
tls = "auto"
tls_mode = "upgrade"
proxy_tls = "cert.pem:key.pem"
proxy_tls_client_ca = "clients.pem"
backend_tls = true
backend_tls_verify = false
backend_tls_ca = "ca.pem"
backend_tls_name = "db.example.com"
backend_tls_cert = "client.pem"
backend_tls_key = "client.key"
tls_min = "1.2"
tls_max = "1.3"
tls_keylog = "keys.log"
tls_ca_file = "authority.pem"
addressed = true
mark-faults = true
http = true
http_host = '0.0.0.0'
http-port = 8081
ui = true
workers = 2
log-level = 'debug'
log-output = '/var/log/vaurien.log'
log-format = 'json'
otel = 'http://localhost:4318'
otel-all = true
journal = 'run.jsonl'
journal-max = '1MB'
replay = 'before.jsonl'
toxics = ['latency(latency=200)@upstream', {type = 'slicer', name = 'cut', toxicity = 0.5}]
api-host = ['toxiproxy', 'vaurien.test']
api_token = 's3cret'

[behavior.delay]
sleep = 2
before = false

[protocol.http]
overwrite-host-header = true
""",
    'yaml': """\
vaurien:
  proxy: '[::1]:0'
  backend: localhost:6379
  protocol: redis
  behavior: 5:error, 10:delay
  seed: 7
  timeout: 2.5
  idle-timeout: 60
  resolve-interval: 5
  keepalive: 7
  backlog: 16
  max_links: 100
  classes: 20
  tls: "auto"
  tls_mode: "upgrade"
  proxy_tls: "cert.pem:key.pem"
  proxy_tls_client_ca: "clients.pem"
  backend_tls: true
  backend_tls_verify: false
  backend_tls_ca: "ca.pem"
  backend_tls_name: "db.example.com"
  backend_tls_cert: "client.pem"
  backend_tls_key: "client.key"
  tls_min: "1.2"
  tls_max: "1.3"
  tls_keylog: "keys.log"
  tls_ca_file: "authority.pem"
  addressed: true
  mark-faults: true
  http: yes
  http_host: 0.0.0.0
  http-port: 8081
  ui: true
  workers: 2
  log-level: debug
  log-output: /var/log/vaurien.log
  log-format: json
  otel: http://localhost:4318
  otel-all: true
  journal: run.jsonl
  journal-max: 1MB
  replay: before.jsonl
  toxics:
    - {type: latency, stream: upstream, latency: 200}
    - {type: slicer, name: cut, toxicity: 0.5, attributes: {delay: 0}}
  api-host: [toxiproxy, vaurien.test]
  api_token: s3cret
behavior:
  delay:
    sleep: 2
    before: no
protocol:
  http:
    overwrite-host-header: on
""",
}


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the test registers is forgotten after it."""
    for registry in (Behavior, Protocol):
        monkeypatch.setattr(registry, '_registered', dict(registry._registered))


def source_of(tmp_path: Path, suffix: str, content: str) -> Source:
    path = tmp_path / f'vaurien.{suffix}'
    path.write_text(content)
    return read(str(path))


def flags(**sections: dict[str, Any]) -> Source:
    return make_source(sections, lambda dotted: f'--{dotted}', text=True)


def test_the_seeds_file(tmp_path: Path) -> None:
    settings = build(source_of(tmp_path, 'ini', SEED))
    assert settings == Settings(
        backend=Address('google.com', 80),
        proxy=Address('localhost', 8000),
        protocol='http',
        behaviors=make_rules('20:delay', {'delay': {'sleep': 2.0}}),
        behavior_options={'delay': {'sleep': 2.0}},
    )


@pytest.mark.parametrize('suffix', EVERYTHING)
def test_every_setting_in_every_format(tmp_path: Path, suffix: str) -> None:
    source = source_of(tmp_path, suffix, EVERYTHING[suffix])
    elsewhere = {'behaviors', 'server', 'toxiproxy_config'}
    assert {key.replace('-', '_') for key in source.sections['vaurien']} == set(SETTINGS) - elsewhere
    delay = {'sleep': 2.0, 'before': False}
    assert build(source) == Settings(
        proxy=Address('::1', 0),
        backend=Address('localhost', 6379),
        protocol='redis',
        behaviors=make_rules('5:error,10:delay', {'delay': delay}),
        behavior_options={'delay': delay},
        protocol_options={'http': {'overwrite-host-header': True}},
        seed=7,
        timeout=2.5,
        idle_timeout=60.0,
        resolve_interval=5.0,
        keepalive=7,
        backlog=16,
        max_links=100,
        classes=20,
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
        http=True,
        http_host='0.0.0.0',
        http_port=8081,
        ui=True,
        workers=2,
        log_level='debug',
        log_output='/var/log/vaurien.log',
        log_format='json',
        otel='http://localhost:4318',
        otel_all=True,
        journal='run.jsonl',
        journal_max=1_000_000,
        replay='before.jsonl',
        toxics=read_toxics('latency(latency=200)@upstream,slicer(name=cut,toxicity=0.5)'),
        api_host=('toxiproxy', 'vaurien.test'),
        api_token='s3cret',
    )


def test_nothing_given_is_the_defaults() -> None:
    assert build() == Settings()


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    settings = build(
        source_of(tmp_path, 'ini', SEED + 'before = no\n'),
        flags(**{'vaurien': {'proxy': '[::1]:1', 'behavior': '5:delay'}, 'behavior.delay': {'sleep': '0.5'}}),
    )
    assert (settings.proxy, settings.backend) == (Address('::1', 1), Address('google.com', 80))
    assert settings.behavior_options == {'delay': {'sleep': 0.5, 'before': False}}
    assert settings.behaviors == make_rules('5:delay', settings.behavior_options)


def test_options_of_a_behavior_that_is_not_armed_are_kept(tmp_path: Path) -> None:
    settings = build(source_of(tmp_path, 'ini', '[behavior:delay]\nsleep = 3\n'))
    assert (settings.behaviors, settings.behavior_options) == ((), {'delay': {'sleep': 3.0}})


@pytest.mark.parametrize(
    ('content', 'place', 'said'),
    [
        ('[vaurin]\nseed = 1\n', '1: vaurin', "unknown section, did you mean 'vaurien'?"),
        ('\n[behaviour:delay]\n', '2: behaviour', "unknown section, did you mean 'behavior:NAME'?"),
        ('[behavior]\nsleep = 1\n', '2: behavior.sleep', "expected keys and values, got '1'"),
        ('[vaurien]\n\nsed = 1\n', '3: vaurien.sed', "no such setting, did you mean 'seed'?"),
        ('[vaurien]\nseed = one\n', '2: vaurien.seed', "expected int, got 'one'"),
        ('[vaurien]\ntimeout = 0\n', '2: vaurien.timeout', "expected float > 0.0, got '0'"),
        ('[vaurien]\nhttp = maybe\n', '2: vaurien.http', "expected bool, got 'maybe'"),
        ('[vaurien]\nhttp-port = 65536\n', '2: vaurien.http-port', "expected int <= 65535, got '65536'"),
        ('[vaurien]\nlog_level = loud\n', '2: vaurien.log_level', 'expected one of debug, info, '),
        ('[vaurien]\nproxy = 8.5\n', '2: vaurien.proxy', "'8.5' is not an address"),
        ('[vaurien]\nprotocol = htp\n', '2: vaurien.protocol', "unknown protocol 'htp', did you mean 'http'?"),
        ('[vaurien]\nbehavior = 20:dely\n', '2: vaurien.behavior', "unknown behavior 'dely', did you mean 'delay'?"),
        ('[vaurien]\nbehavior = x:delay\n', '2: vaurien.behavior', "'x' in 'x:delay' is not a percent"),
        ('[vaurien]\nbehavior = 90:delay,20:error\n', '2: vaurien.behavior', "'90:delay,20:error' adds up to 110"),
        ('[behavior:dely]\nsleep = 1\n', '1: behavior.dely', "unknown behavior 'dely', did you mean 'delay'?"),
        ('[behavior:delay]\nslep = 1\n', '2: behavior.delay.slep', "delay has no such option, did you mean 'sleep'?"),
        ('[behavior:delay]\nsleep = soon\n', '2: behavior.delay.sleep', 'expected a duration such as '),
        ('[protocol:http]\noverwrite = 1\n', '2: protocol.http.overwrite', 'http has no such option'),
        ('[vaurien]\ntoxics = latncy\n', '2: vaurien.toxics', "unknown toxic 'latncy', did you mean 'latency'?"),
        (
            '[vaurien]\ntoxics = noop@side\n',
            '2: vaurien.toxics',
            "stream: expected upstream, downstream or both, got 'side'",
        ),
        (
            '[vaurien]\ntoxics = latency(latency=soon)\n',
            '2: vaurien.toxics',
            "latency: expected a duration such as 200ms or 2s, got 'soon'",
        ),
        ('[vaurien]\ntoxics = noop(toxicity=x)\n', '2: vaurien.toxics', "toxicity: expected float, got 'x'"),
        ('[vaurien]\ntoxics = noop, noop\n', '2: vaurien.toxics', "there are two toxics named 'noop_downstream'"),
        ('[vaurien]\napi-host = a, b:80\n', '2: vaurien.api-host', "'b:80' is not the name of a machine"),
        ('[vaurien]\napi_token = two words\n', '2: vaurien.api_token', 'expected ASCII characters, and no spaces'),
        ('[vaurien]\napi_token =\n', '2: vaurien.api_token', 'expected ASCII characters, and no spaces'),
        (
            '[vaurien]\nmax_links = 1\nmax-links = 2\n',
            '3: vaurien.max-links',
            "the same as 'max_links', which is given before",
        ),
    ],
)
def test_mistakes_in_ini(tmp_path: Path, content: str, place: str, said: str) -> None:
    assert mistake(tmp_path, 'ini', content).startswith(f':{place}: {said}')


@pytest.mark.parametrize(
    ('content', 'place', 'said'),
    [
        ('[vaurin]\nseed = 1\n', '1: vaurin', "unknown section, did you mean 'vaurien'?"),
        ('["behavior:delay"]\nsleep = 1\n', '1: behavior:delay', 'unknown section, known: behavior.NAME, '),
        ('vaurien = 1\n', '1: vaurien', 'expected keys and values, got 1'),
        ('behavior = "20:delay"\n', '1: behavior', "expected keys and values, got '20:delay'"),
        ('[behavior]\ndelay = 2\n', '2: behavior.delay', 'expected keys and values, got 2'),
        ('[vaurien]\nsed = 1\n', '2: vaurien.sed', "no such setting, did you mean 'seed'?"),
        ('[vaurien]\nseed = "1"\n', '2: vaurien.seed', "expected int, got '1'"),
        ('[vaurien]\nproxy = 8.5\n', '2: vaurien.proxy', 'expected str, got 8.5'),
        ('[vaurien]\nbehavior = 20\n', '2: vaurien.behavior', 'expected str, got 20'),
        ('[vaurien]\nbehavior = "20:dely"\n', '2: vaurien.behavior', "unknown behavior 'dely', did you mean 'delay'?"),
        ('[vaurien]\ntoxics = ["noop", 7]\n', '2: vaurien.toxics[1]', 'expected object, got 7'),
        ('[vaurien]\ntoxics = 7\n', '2: vaurien.toxics', 'expected array, got 7'),
        (
            '[vaurien]\ntoxics = [{type = "latency", latency = "1"}]\n',
            '2: vaurien.toxics[0].latency',
            'expected a duration',
        ),
        ('[vaurien]\ntoxics = [{type = "latency", stream = 7}]\n', '2: vaurien.toxics[0]', 'expected str, got 7'),
        ('[vaurien]\ntoxics = [{latency = 1}]\n', '2: vaurien.toxics[0]', "unknown toxic ''"),
        ('[vaurien]\napi-host = [7]\n', '2: vaurien.api-host', 'expected str, got [7]'),
        ('[vaurien]\nbehavior = "101:delay"\n', '2: vaurien.behavior', "101 in '101:delay' is not a percent"),
        ('[behavior.dely]\nsleep = 1\n', '1: behavior.dely', "unknown behavior 'dely', did you mean 'delay'?"),
        ('[behavior.delay]\nslep = 1\n', '2: behavior.delay.slep', "delay has no such option, did you mean 'sleep'?"),
        ('[behavior.delay]\nsleep = "2"\n', '2: behavior.delay.sleep', 'expected a duration'),
        ('[behavior.delay]\nsleep = nan\n', '2: behavior.delay.sleep', 'expected'),
    ],
)
def test_mistakes_in_toml(tmp_path: Path, content: str, place: str, said: str) -> None:
    assert mistake(tmp_path, 'toml', content).startswith(f':{place}: {said}')


@pytest.mark.parametrize(
    ('content', 'place', 'said'),
    [
        ('vaurin:\n  seed: 1\n', ':1: vaurin', "unknown section, did you mean 'vaurien'?"),
        ('- vaurien\n', '', "expected keys and values, got ['vaurien']"),
        ('vaurien\n', '', "expected keys and values, got 'vaurien'"),
        ('1: 2\n', ':1: 1', 'unknown section, known: '),
        ('vaurien: 1\n', ':1: vaurien', 'expected keys and values, got 1'),
        ('vaurien:\n  sed: 1\n', ':2: vaurien.sed', "no such setting, did you mean 'seed'?"),
        ('vaurien:\n  1: 1\n', ':2: vaurien.1', 'no such setting'),
        ('vaurien:\n  seed: "1"\n', ':2: vaurien.seed', "expected int, got '1'"),
        ('vaurien:\n  http: 1\n', ':2: vaurien.http', 'expected bool, got 1'),
        ('vaurien:\n  behavior: 20:dely\n', ':2: vaurien.behavior', "unknown behavior 'dely', did you mean 'delay'?"),
        ('vaurien:\n  behavior: {20: delay}\n', ':2: vaurien.behavior', "expected str, got {20: 'delay'}"),
        ('vaurien:\n  toxics:\n  - type: latency\n    ltency: 1\n', ':4: vaurien.toxics[0].ltency', 'latency has no'),
        ('behavior:\n  dely:\n', ':2: behavior.dely', "unknown behavior 'dely', did you mean 'delay'?"),
        ('behavior:\n  delay:\n    slep: 1\n', ':3: behavior.delay.slep', 'delay has no such option'),
        ('behavior:\n  delay:\n    sleep: soon\n', ':3: behavior.delay.sleep', 'expected a duration'),
    ],
)
def test_mistakes_in_yaml(tmp_path: Path, content: str, place: str, said: str) -> None:
    assert mistake(tmp_path, 'yaml', content).startswith(f'{place}: {said}')


ORDERS = {
    'ini': """\
[vaurien]
behavior = 100:error(match='POST /orders*', nth=1-2), 20:delay(sleep=0.3)
[behavior:error]
code = 503
""",
    'toml': """\
[[vaurien.behaviors]]
name = "error"
match = "POST /orders*"
nth = "1-2"
[[vaurien.behaviors]]
name = "delay"
percent = 20
sleep = 0.3
[behavior.error]
code = 503
""",
    'yaml': """\
vaurien:
  behaviors:
    - {name: error, match: POST /orders*, nth: 1-2}
    - {name: delay, percent: 20, sleep: 0.3}
behavior:
  error: {code: 503}
""",
}


@pytest.mark.parametrize('suffix', ORDERS)
def test_aimed_behaviors_in_every_format(tmp_path: Path, suffix: str) -> None:
    spec = "100:error(match='POST /orders*', nth=1-2, code=503),20:delay(sleep=0.3)"
    assert build(source_of(tmp_path, suffix, ORDERS[suffix])).behaviors == make_rules(spec, {})


def test_a_flag_takes_the_place_of_a_list(tmp_path: Path) -> None:
    source = source_of(tmp_path, 'toml', ORDERS['toml'])
    settings = build(source, flags(vaurien={'behavior': '5:hang'}))
    assert settings.behaviors == make_rules('5:hang', {})


@pytest.mark.parametrize(
    ('suffix', 'content', 'said'),
    [
        ('ini', '[vaurien]\nbehaviors = delay\n', ":2: vaurien.behaviors: expected array, got 'delay'"),
        ('yaml', 'vaurien:\n  behavior: delay\n  behaviors: []\n', ':3: vaurien.behaviors: there is behavior, too'),
        (
            'yaml',
            'vaurien:\n  behaviors:\n    - name: delay\n      slep: 1\n',
            ':4: vaurien.behaviors[0].slep: ',
        ),
        ('toml', '[[vaurien.behaviors]]\nname = "dely"\n', ':1: vaurien.behaviors[0]: unknown behavior'),
        (
            'toml',
            '[[vaurien.behaviors]]\nname = "hang"\n' * 2,
            ":1: vaurien.behaviors: '100:hang,100:hang' adds up",
        ),
    ],
)
def test_mistakes_in_lists(tmp_path: Path, suffix: str, content: str, said: str) -> None:
    assert mistake(tmp_path, suffix, content).startswith(said)


def mistake(tmp_path: Path, suffix: str, content: str) -> str:
    """What is said of *content*, after the path of the file."""
    with pytest.raises(ConfigError) as caught:
        build(source_of(tmp_path, suffix, content))
    assert '\n' not in str(caught.value)
    return str(caught.value).removeprefix(str(tmp_path / f'vaurien.{suffix}'))


@pytest.mark.parametrize(
    ('suffix', 'content'),
    [
        (
            'ini',
            '[vaurien]\ntimeout = 1m30s\nkeepalive = 2m\ntoxics = bandwidth(rate=1MB/s)\n'
            '[behavior:delay]\nsleep = 200ms\n',
        ),
        (
            'toml',
            '[vaurien]\ntimeout = "1m30s"\nkeepalive = "2m"\ntoxics = [{type = "bandwidth", rate = "1MB/s"}]\n'
            '[behavior.delay]\nsleep = "200ms"\n',
        ),
        (
            'yaml',
            'vaurien: {timeout: 1m30s, keepalive: 2m, toxics: [{type: bandwidth, rate: 1MB/s}]}\n'
            'behavior: {delay: {sleep: 200ms}}\n',
        ),
    ],
)
def test_units(tmp_path: Path, suffix: str, content: str) -> None:
    settings = build(source_of(tmp_path, suffix, content))
    assert (settings.timeout, settings.keepalive) == (90.0, 120)
    assert settings.behavior_options == {'delay': {'sleep': 0.2}}
    assert [rule.attributes['rate'] for rule in settings.toxics] == [1000]


def test_a_table_in_a_file(tmp_path: Path) -> None:
    table = tmp_path / 'delays.txt'
    table.write_text('2s')
    text = f'table({table})'
    settings = build(source_of(tmp_path, 'toml', f'[vaurien]\ntoxics = [{{type = "latency", latency = "{text}"}}]\n'))
    assert [str(rule.attributes['latency']) for rule in settings.toxics] == [text]
    assert mistake(tmp_path, 'ini', '[behavior:delay]\nsleep = table(no)\n') == (
        ':2: behavior.delay.sleep: cannot read no: No such file or directory'
    )


def test_a_mistake_in_a_flag_names_the_flag() -> None:
    with pytest.raises(ConfigError) as caught:
        build(flags(**{'behavior.delay': {'sleep': 'soon'}}))
    assert str(caught.value).startswith('--behavior.delay.sleep: expected a duration')


@pytest.mark.parametrize(
    ('suffix', 'content'),
    [
        ('ini', '[vaurien]\nstay_connected = yes\n[protocol:tcp]\nkeep-alive = 1\npool_max_size = 9\n'),
        ('toml', '[vaurien]\nstay_connected = true\n[protocol.tcp]\nkeep-alive = 1\npool_max_size = 9\n'),
        ('yaml', 'vaurien: {stay_connected: 1}\nprotocol: {tcp: {keep-alive: 1, pool_max_size: 9}}\n'),
    ],
)
def test_classic_keys_are_set_apart(tmp_path: Path, suffix: str, content: str) -> None:
    source = source_of(tmp_path, suffix, content)
    assert build(source) == Settings()
    keys = [place.split(': ')[-1] for place in source.ignored]
    assert keys == ['vaurien.stay_connected', 'protocol.tcp.keep-alive', 'protocol.tcp.pool_max_size']


def test_a_classic_section_of_nothing_else_needs_no_such_protocol(tmp_path: Path) -> None:
    source = source_of(tmp_path, 'ini', '[protocol:mysql]\nbuffer = 8124\n')
    assert build(source) == Settings()
    assert len(source.ignored) == 1


@pytest.mark.parametrize(
    ('suffix', 'content'),
    [
        ('ini', '[statsd]\nenabled = true\nsample_rate = 1.0\nother = 1\n'),
        ('toml', '[statsd]\nenabled = true\nsample_rate = 1.0\nother = 1\n'),
        ('yaml', 'statsd: {enabled: true, sample_rate: 1.0, other: 1}\n'),
    ],
)
def test_the_classic_section_of_statsd_is_set_apart(tmp_path: Path, suffix: str, content: str) -> None:
    source = source_of(tmp_path, suffix, content)
    assert build(source) == Settings()
    keys = [place.split(': ')[-1] for place in source.ignored]
    assert keys == ['statsd.enabled', 'statsd.sample_rate', 'statsd.other']


def test_an_empty_section_of_statsd_is_no_proxy(tmp_path: Path) -> None:
    assert build(source_of(tmp_path, 'ini', '[statsd]\n')) == Settings()


@pytest.mark.parametrize('content', ["[vaurien]\nlog-level = 'INFO'\n", "[vaurien]\nlog_level = 'info'\n"])
def test_the_case_of_a_log_level_does_not_matter(tmp_path: Path, content: str) -> None:
    assert build(source_of(tmp_path, 'toml', content)) == Settings(log_level='info')


@pytest.mark.usefixtures('registries')
class TestCallable:
    @pytest.mark.parametrize(
        ('suffix', 'content'),
        [
            ('ini', '[vaurien]\nbehavior = 20:slow\n[behavior:slow]\ncallable = tests.samples.delay:Delay\nsleep = 2'),
            ('toml', 'vaurien.behavior="20:slow"\n[behavior.slow]\ncallable="tests.samples.delay:Delay"\nsleep=2'),
            ('yaml', 'vaurien: {behavior: 20:slow}\nbehavior: {slow: {callable: tests.samples.delay:Delay, sleep: 2}}'),
        ],
    )
    def test_a_behavior(self, tmp_path: Path, suffix: str, content: str) -> None:
        source = source_of(tmp_path, suffix, content)
        register(source)
        (entry,) = build(source).behaviors
        assert (entry.name, entry.percent, entry.options) == ('slow', 20.0, {'sleep': 2, **UNAIMED})
        assert Behavior.get('slow').name == 'slow'

    def test_a_protocol(self, tmp_path: Path) -> None:
        section = '[protocol:minitel]\ncallable = tests.samples.minitel:MinitelProtocol\n'
        source = source_of(tmp_path, 'ini', f'[vaurien]\nprotocol = minitel\n{section}')
        register(source)
        assert build(source).protocol == 'minitel'

    @pytest.mark.parametrize(
        ('section', 'reference', 'said'),
        [
            ('behavior:slow', 'delay', 'is not of the form package.module:Class'),
            ('behavior:slow', 'tests.samples.hurry:Delay', "cannot load 'tests.samples.hurry:Delay': ModuleNotFound"),
            ('behavior:slow', 'tests.samples.minitel:MinitelProtocol', 'is no behavior'),
            ('protocol:slow', 'tests.samples.delay:Delay', 'is no protocol'),
            ('behavior:dummy', 'tests.samples.delay:Delay', "there is a behavior named 'dummy' already"),
        ],
    )
    def test_mistakes(self, tmp_path: Path, section: str, reference: str, said: str) -> None:
        source = source_of(tmp_path, 'ini', f'[{section}]\ncallable = {reference}\n')
        with pytest.raises(ConfigError) as caught:
            register(source)
        place = f'{tmp_path}/vaurien.ini:2: {section.replace(":", ".")}.callable: '
        assert str(caught.value).startswith(place)
        assert said in str(caught.value)

    def test_not_a_text(self, tmp_path: Path) -> None:
        source = source_of(tmp_path, 'toml', '[behavior.slow]\ncallable = 1\n')
        with pytest.raises(ConfigError, match=r'behavior\.slow\.callable: expected str, got 1'):
            register(source)

    def test_vaurien_itself_has_none(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match='no such setting'):
            build(source_of(tmp_path, 'ini', '[vaurien]\ncallable = a:b\n'))
