"""Sections of proxies, and files of Toxiproxy, become settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.config.test_build import flags, mistake, source_of
from vaurien.address import Address
from vaurien.config.build import build
from vaurien.config.keys import PROXY_SETTINGS
from vaurien.errors import ConfigError
from vaurien.rules.behaviors import make_rules
from vaurien.rules.toxics import read_toxics
from vaurien.settings import ProxySettings, Settings

EVERYTHING = {
    'ini': """\
[vaurien]
timeout = 5
seed = 7
[behavior:error]
code = 503

[proxy:redis]
proxy = localhost:6380
backend = localhost:6379
protocol = redis
behavior = 20:error
toxics = latency(latency=200), slicer(name=cut, toxicity=0.5)@upstream
enabled = no
addressed = yes
idle-timeout = 60
resolve-interval = 5
keepalive = 7
backlog = 16
max_links = 100
mark_faults = yes
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
seed = 8
timeout = 2.5

[proxy:db]
backend = localhost:3306
""",
    'toml': """\
[vaurien]
timeout = 5
seed = 7
[behavior.error]
code = 503

[proxy.redis]
proxy = 'localhost:6380'
backend = 'localhost:6379'
protocol = 'redis'
behavior = '20:error'
enabled = false
addressed = true
idle-timeout = 60
resolve-interval = 5
keepalive = 7
backlog = 16
max_links = 100
mark_faults = true
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
seed = 8
timeout = 2.5
[[proxy.redis.toxics]]
type = 'latency'
latency = 200
[[proxy.redis.toxics]]
type = 'slicer'
name = 'cut'
stream = 'upstream'
toxicity = 0.5

[proxy.db]
backend = 'localhost:3306'
""",
    'yaml': """\
vaurien: {timeout: 5, seed: 7}
behavior:
  error: {code: 503}
proxy:
  redis:
    proxy: localhost:6380
    backend: localhost:6379
    protocol: redis
    behavior: 20:error
    toxics:
    - latency(latency=200)
    - {type: slicer, name: cut, stream: upstream, toxicity: 0.5}
    enabled: no
    addressed: yes
    idle-timeout: 60
    resolve-interval: 5
    keepalive: 7
    backlog: 16
    max_links: 100
    mark_faults: yes
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
    seed: 8
    timeout: 2.5
  db:
    backend: localhost:3306
""",
}


@pytest.mark.parametrize('suffix', EVERYTHING)
def test_every_setting_in_every_format(tmp_path: Path, suffix: str) -> None:
    source = source_of(tmp_path, suffix, EVERYTHING[suffix])
    keys = {key.replace('-', '_') for key in source.sections['proxy.redis']}
    assert keys == set(PROXY_SETTINGS) - {'behaviors', 'options'}
    options = {'error': {'code': 503}}
    assert build(source) == Settings(
        timeout=5.0,
        seed=7,
        behavior_options=options,
        proxies=(
            ProxySettings(
                name='redis',
                proxy=Address('localhost', 6380),
                backend=Address('localhost', 6379),
                protocol='redis',
                behaviors=make_rules('20:error', options),
                behavior_options=options,
                toxics=read_toxics('latency(latency=200), slicer(name=cut, toxicity=0.5)@upstream'),
                enabled=False,
                addressed=True,
                idle_timeout=60.0,
                resolve_interval=5.0,
                keepalive=7,
                backlog=16,
                max_links=100,
                mark_faults=True,
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
                seed=8,
                timeout=2.5,
            ),
            ProxySettings(
                name='db',
                proxy=Address('localhost', 0),
                backend=Address('localhost', 3306),
                behavior_options=options,
                seed=7,
                timeout=5.0,
            ),
        ),
    )


def test_what_is_said_for_all(tmp_path: Path) -> None:
    """Behaviors, toxics and options, unless a proxy has its own."""
    content = """\
vaurien: {backend: 'localhost:1', protocol: http, behavior: 20:delay, toxics: latency}
behavior:
  delay: {sleep: 2}
proxy:
  plain:
  own: {backend: 'localhost:2', protocol: tcp, behavior: hang, toxics: []}
  tuned: {options: {delay: {before: no}}}
"""
    settings = build(source_of(tmp_path, 'yaml', content))
    assert settings.proxies is not None
    plain, own, tuned = settings.proxies
    assert (plain.backend, plain.protocol, plain.toxics) == (('localhost', 1), 'http', read_toxics('latency'))
    assert plain.behaviors == make_rules('20:delay(sleep=2)', {})
    assert (own.backend, own.protocol, own.toxics) == (('localhost', 2), 'tcp', ())
    assert own.behaviors == make_rules('hang', {})
    assert tuned.behaviors == make_rules('20:delay(sleep=2, before=false)', {})
    assert tuned.behavior_options == {'delay': {'sleep': 2.0, 'before': False}}


def test_flags_are_for_all(tmp_path: Path) -> None:
    source = source_of(tmp_path, 'ini', '[proxy:a]\nseed = 1\n[proxy:b]\n')
    settings = build(source, flags(vaurien={'seed': '2', 'behavior': '5:hang'}))
    assert settings.proxies is not None
    assert [proxy.seed for proxy in settings.proxies] == [1, 2]
    assert all(proxy.behaviors == make_rules('5:hang', {}) for proxy in settings.proxies)


def test_a_name_may_be_nearly_anything(tmp_path: Path) -> None:
    settings = build(source_of(tmp_path, 'yaml', 'proxy: {a b|ü.c: {backend: "localhost:1"}}'))
    assert settings.proxies is not None
    assert [proxy.name for proxy in settings.proxies] == ['a b|ü.c']


@pytest.mark.parametrize(
    ('suffix', 'content', 'said'),
    [
        ('ini', '[proxy]\nbackend = a:1\n', ":2: proxy.backend: expected keys and values, got 'a:1'"),
        ('ini', '[proxi:a]\n', ':1: proxi: unknown section, known: behavior:NAME, protocol:NAME, proxy:NAME, schedule'),
        ('ini', '[proxy:a]\nbakend = a:1\n', ":2: proxy.a.bakend: no such setting, did you mean 'backend'?"),
        ('ini', '[proxy:a]\nhttp = yes\n', ':2: proxy.a.http: no such setting'),
        ('ini', '[proxy:a]\nbackend = a\n', ":2: proxy.a.backend: 'a' is not an address"),
        ('ini', '[proxy:a]\nenabled = maybe\n', ":2: proxy.a.enabled: expected bool, got 'maybe'"),
        ('ini', '[proxy:a]\nprotocol = rdis\n', ":2: proxy.a.protocol: unknown protocol 'rdis', did you mean 'redis'?"),
        ('ini', '[proxy:a]\nbehavior = dely\n', ":2: proxy.a.behavior: unknown behavior 'dely'"),
        ('ini', '[proxy:a]\ntoxics = latncy\n', ":2: proxy.a.toxics: unknown toxic 'latncy'"),
        ('ini', '[vaurien]\nproxy = a:1\n[proxy:a]\n', ':2: vaurien.proxy: each proxy needs an address of its own'),
        (
            'ini',
            '[proxy:a]\nproxy = a:1\n[proxy:b]\nproxy = a:1\n',
            ":4: proxy.b.proxy: a:1 is for the proxy 'a' and for the proxy 'b': choose another port",
        ),
        (
            'ini',
            '[vaurien]\nhttp = yes\n[proxy:a]\nproxy = localhost:8080\n',
            ":4: proxy.a.proxy: localhost:8080 is for the control API and for the proxy 'a': choose",
        ),
        (
            'ini',
            '[vaurien]\nhttp = yes\nhttp-port = 8000\n',
            ':3: vaurien.http-port: localhost:8000 is for the control API and for the proxy: choose',
        ),
        ('ini', '[vaurien]\nenabled = no\n', ':2: vaurien.enabled: no such setting'),
        ('toml', '[[proxy.a.toxics]]\ntype = "noop"\n' * 2, ":1: proxy.a.toxics: there are two toxics named 'noop_do"),
        (
            'toml',
            '[[proxy.a.toxics]]\ntype = "latency"\nlatency = "1"\n',
            ':3: proxy.a.toxics[0].latency: expected a duration',
        ),
        ('yaml', 'proxy:\n  a: 7\n', ':2: proxy.a: expected keys and values, got 7'),
        ('yaml', 'proxy:\n  a:\n    options: {dely: {}}\n', ":3: proxy.a.options: dely: unknown behavior 'dely'"),
        ('yaml', 'proxy:\n  a:\n    options: {delay: {slep: 1}}\n', ':3: proxy.a.options: delay.slep: delay has no'),
        ('yaml', 'proxy:\n  a:\n    toxics:\n    - noop\n    - {type: x}\n', ':5: proxy.a.toxics[1]: unknown toxic'),
    ],
)
def test_mistakes(tmp_path: Path, suffix: str, content: str, said: str) -> None:
    assert mistake(tmp_path, suffix, content).startswith(said)


def test_one_that_is_disabled_may_have_the_port_of_another(tmp_path: Path) -> None:
    content = '[proxy:a]\nproxy = a:1\n[proxy:b]\nproxy = a:1\nenabled = no\n'
    a, b = build(source_of(tmp_path, 'ini', content)).proxies or ()
    assert (a.proxy, b.proxy) == (('a', 1), ('a', 1))


class TestToxiproxysFile:
    def build(self, tmp_path: Path, content: str, *others: Any) -> tuple[ProxySettings, ...]:
        path = tmp_path / 'proxies.json'
        path.write_text(content)
        settings = build(*others, flags(vaurien={'toxiproxy-config': str(path)}))
        assert (settings.http, settings.http_port) == (True, 8474)
        assert settings.proxies is not None
        return settings.proxies

    def test_what_is_in_it(self, tmp_path: Path) -> None:
        content = """\
[
  {"name": "a", "listen": "[::1]:0", "upstream": "localhost:1", "what": []},
  {"Name": "b", "upstream": "anything", "listen": "nowhere", "enabled": false, "toxics": null},
  {"name": "c", "listen": "localhost:http", "upstream": "localhost:http", "protocol": "http", "enabled": null}
] and more"""
        a, b, c = self.build(tmp_path, content)
        assert (a.name, a.proxy, a.backend, a.enabled) == ('a', ('::1', 0), ('localhost', 1), True)
        assert (b.name, b.proxy.written, b.backend.written, b.enabled) == ('b', 'nowhere', 'anything', False)
        assert (c.proxy, c.backend, c.protocol) == (('localhost', 80), ('localhost', 80), 'http')

    def test_there_may_be_nothing_in_it(self, tmp_path: Path) -> None:
        assert self.build(tmp_path, '[]') == ()

    def test_it_stands_beside_sections(self, tmp_path: Path) -> None:
        others = source_of(tmp_path, 'ini', '[vaurien]\nseed = 3\n[proxy:a]\n')
        a, b = self.build(tmp_path, '[{"name": "b", "upstream": "localhost:1"}]', others)
        assert ((a.name, a.seed), (b.name, b.seed)) == (('a', 3), ('b', 3))

    @pytest.mark.parametrize(
        ('content', 'said'),
        [
            ('', ': expected a JSON array of proxies: EOF'),
            ('{}', ': expected a JSON array of proxies: Expected `array`, got `object`'),
            ('[7]', ': expected a JSON array of proxies: Expected `object`, got `int` - at `$[0]`'),
            ('[{"name": "b"', ': expected a JSON array of proxies: '),
            ('[{"name": 7}]', ': expected a JSON array of proxies: Expected `str`, got `int` - at `$[0].name`'),
            ('[{"upstream": "b:1"}]', ': [0]: missing name'),
            ('[{"name": "b", "upstream": "b:1"}, {"name": "c"}]', ': [1]: missing upstream'),
            ('[{"name": "b", "upstream": "b:1", "listen": "b"}]', ': [0].listen: address b: missing port in address'),
            ('[{"name": "b", "upstream": "b:1", "toxics": [{}]}]', ': [0].toxics: invalid toxic type'),
            ('[{"name": "b/c", "upstream": "b:1"}]', ": [0].name: 'b/c' does not fit into a URL"),
            ('[{"name": "a", "upstream": "b:1"}]', ": there is a proxy named 'a' already"),
            (
                '[{"name": "b", "listen": ":1", "upstream": "b:1"}, {"name": "c", "listen": ":1", "upstream": "b:2"}]',
                ": [::]:1 is for the proxy 'b' and for the proxy 'c': choose another port for one of them",
            ),
            (
                '[{"name": "b", "upstream": "b:1"}, {"name": "b", "upstream": "b:2"}]',
                ": there is a proxy named 'b' alr",
            ),
        ],
    )
    def test_mistakes(self, tmp_path: Path, content: str, said: str) -> None:
        with pytest.raises(ConfigError) as caught:
            self.build(tmp_path, content, source_of(tmp_path, 'ini', '[proxy:a]\n'))
        assert str(caught.value).removeprefix(str(tmp_path / 'proxies.json')).startswith(said)

    def test_a_protocol_that_there_is_not(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"proxies.json: \[0\]\.protocol: unknown protocol 'rdis', did you mean"):
            self.build(tmp_path, '[{"name": "b", "upstream": "b:1", "protocol": "rdis"}]')


@pytest.mark.parametrize('name', ['..', 'a/b', 'a//b'])
def test_a_name_to_which_no_path_leads(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=rf':1: proxy\.{name}: {name!r} does not fit into a URL$'):
        build(source_of(tmp_path, 'ini', f'[proxy:{name}]\n'))
