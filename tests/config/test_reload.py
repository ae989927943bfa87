"""What has changed in the settings is applied to proxies that run, all of it or nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random

import gevent
import msgspec
import pytest

from tests.servers import HOST
from vaurien.address import Address
from vaurien.config.build import build
from vaurien.config.reload import Reloader, find_unapplied
from vaurien.config.source import read
from vaurien.console.log import TEXT
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import ConfigError, WorkerError
from vaurien.rules.behaviors import format_rules, make_rules
from vaurien.rules.rule import Rule
from vaurien.rules.toxics import parse_toxics
from vaurien.schedule.scheduler import Scheduler
from vaurien.settings import Settings
from vaurien.toxiproxy.lifecycle import Lifecycle
from vaurien.workers.pool import Pool
from vaurien.workers.process import Setup
from vaurien.workers.proxy import SharedProxy

TWO = """\
vaurien: {http: true, timeout: 5}
proxy:
  web: {backend: 'localhost:80', protocol: http, behavior: '20:delay', toxics: 'latency(latency=3)'}
  cache: {backend: 'localhost:6379', protocol: redis}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'vaurien.yaml'


def settings_of(path: Path, text: str) -> Settings:
    path.write_text(text)
    return build(read(str(path)))


def start(path: Path, text: str, make_proxy: Callable[..., ProxyServer] = ProxyServer) -> tuple[Proxies, Reloader]:
    """Return proxies as the text declares them, and what reloads them."""
    settings = settings_of(path, text)
    proxies = Proxies(settings.each_proxy, settings.defaults, make_proxy=make_proxy)
    return proxies, Reloader(proxies, Scheduler(proxies), settings)


def test_behaviors_of_one_of_several(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    proxies, reloader = start(path, TWO)
    proxies['cache'].arm(make_rules('50:abort'))
    with caplog.at_level(logging.INFO):
        reloader.apply(settings_of(path, TWO.replace('20:delay', '30:error')))
    assert caplog.messages == ['reloaded: behaviors of web']
    assert format_rules(proxies['web'].rules) == '30:error'
    assert format_rules(proxies['cache'].rules) == '50:abort'


def test_a_table_whose_file_has_changed(path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = tmp_path / 'delays.txt'
    table.write_text('10ms')
    text = f'vaurien: {{behavior: "delay(sleep=\'table({table})\')"}}'
    proxies, reloader = start(path, text)
    with caplog.at_level(logging.INFO):
        reloader.apply(settings_of(path, text))
        table.write_text('20ms')
        reloader.apply(settings_of(path, text))
    assert caplog.messages == ['reloaded: no fault has changed', 'reloaded: behaviors of vaurien']
    assert proxies['vaurien'].rules[0].options['sleep'].draw(Random()) == 0.02


def test_what_was_armed_meanwhile_stays_until_the_file_changes(path: Path) -> None:
    proxies, reloader = start(path, TWO)
    proxies['web'].arm(make_rules('50:abort'))
    reloader.apply(settings_of(path, TWO))
    assert format_rules(proxies['web'].rules) == '50:abort'
    reloader.apply(settings_of(path, TWO.replace('20:delay', '21:delay')))
    assert format_rules(proxies['web'].rules) == '21:delay'


def test_options(path: Path) -> None:
    proxies, reloader = start(path, TWO)
    reloader.apply(settings_of(path, f'{TWO}protocol: {{http: {{overwrite-host-header: false}}}}\n'))
    assert proxies['web'].protocol_options == {'overwrite-host-header': False}
    assert proxies['web'].settings.backend.port == 80
    reloader.apply(settings_of(path, f'{TWO}behavior: {{delay: {{sleep: 7}}}}\n'))
    assert proxies['web'].rules[0].options['sleep'] == 7
    assert proxies['web'].settings.behavior_options == proxies.defaults.behavior_options == {'delay': {'sleep': 7}}
    assert proxies['web'].protocol_options == {'overwrite-host-header': True}


def test_toxics(path: Path) -> None:
    proxies, reloader = start(path, TWO)
    proxies['web'].toxics.add(parse_toxics('noop')[0])
    reloader.apply(settings_of(path, TWO))
    assert [rule.name for rule in proxies['web'].toxics] == ['latency_downstream', 'noop_downstream']
    reloader.apply(settings_of(path, TWO.replace('latency(latency=3)', 'latency(latency=4), slicer')))
    latency, slicer = proxies['web'].toxics
    assert (latency.attributes['latency'], slicer.type) == (4, 'slicer')
    reloader.apply(settings_of(path, TWO.replace('latency(latency=3)', 'latency(latency=4)@upstream, slicer')))
    assert [rule.name for rule in proxies['web'].toxics] == ['latency_upstream', 'slicer_downstream']
    named = 'latency(latency=4, name=slicer_downstream)'
    reloader.apply(settings_of(path, TWO.replace('latency(latency=3)', named)))
    assert [(rule.name, rule.type) for rule in proxies['web'].toxics] == [('slicer_downstream', 'latency')]


def test_all_or_nothing(path: Path) -> None:
    proxies, reloader = start(path, TWO)
    # Right in the file, where both have changed; but the proxy that runs is one of http.
    text = TWO.replace('protocol: http', 'protocol: mysql').replace('20:delay', '30:error(errno=1040)')
    text = text.replace('protocol: redis', 'protocol: redis, behavior: "10:delay"')
    with pytest.raises(ConfigError, match=r'^proxy web\.error\.errno: '):
        reloader.apply(settings_of(path, text))
    assert format_rules(proxies['web'].rules) == '20:delay'
    assert not proxies['cache'].rules
    reloader.apply(settings_of(path, TWO.replace('20:delay', '30:error')))
    assert format_rules(proxies['web'].rules) == '30:error'


def test_all_or_nothing_with_workers(path: Path) -> None:
    pool = Pool(2, Setup({}, 'info', '-', TEXT))
    proxies, reloader = start(path, TWO, partial(SharedProxy, pool))
    text = TWO.replace('20:delay', '30:error').replace('latency(latency=3)', 'bandwidth(rate=8, shared=proxy)')
    for _ in range(2):
        with pytest.raises(ConfigError, match=r'^proxy web\.bandwidth_downstream\.shared: '):
            reloader.apply(settings_of(path, text))
    assert format_rules(proxies['web'].rules) == '20:delay'
    assert [rule.name for rule in proxies['web'].toxics] == ['latency_downstream']


def test_what_fails_is_told_and_tried_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Hesitant(ProxyServer):
        """A proxy one of whose workers ends while it is told for the first time of errors."""

        has_failed = False

        def arm(self, rules: Sequence[Rule]) -> None:
            if any(rule.name == 'error' for rule in rules) and not self.has_failed:
                self.has_failed = True
                raise WorkerError('the worker has ended')
            super().arm(rules)

    proxies, reloader = start(path, TWO, Hesitant)
    text = TWO.replace('20:delay', '30:error').replace('protocol: redis', 'protocol: redis, behavior: "10:delay"')
    with caplog.at_level(logging.INFO):
        reloader.apply(settings_of(path, text))
        assert format_rules(proxies['web'].rules) == '20:delay'
        reloader.apply(settings_of(path, text))
    assert caplog.messages == [
        'not reloaded: proxy web: the worker has ended',
        'reloaded: behaviors of cache',
        'reloaded: behaviors of web',
    ]
    assert format_rules(proxies['web'].rules) == '30:error'


@pytest.mark.parametrize('make_proxy', [ProxyServer, partial(SharedProxy, Pool(2, Setup({}, 'info', '-', TEXT)))])
def test_a_reset_arms_what_was_configured_last(path: Path, make_proxy: Callable[..., ProxyServer]) -> None:
    proxies, reloader = start(path, TWO, make_proxy)
    reloader.apply(settings_of(path, TWO.replace('20:delay', '30:error')))
    proxies['web'].arm(make_rules('50:abort'))
    proxies['web'].start(Address(HOST, 0), wait=False)
    proxies['cache'].start(Address(HOST, 0), wait=False)
    Lifecycle(proxies).reset()
    assert format_rules(proxies['web'].rules) == '30:error'
    proxies.shut_down()


def test_a_proxy_that_was_deleted(path: Path) -> None:
    proxies, reloader = start(path, TWO)
    proxies.remove('web')
    reloader.apply(settings_of(path, TWO.replace('20:delay', '30:error')))
    assert list(proxies) == ['cache']


def test_what_needs_a_start_is_named(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, reloader = start(path, TWO)
    more = f'{TWO}  new: {{backend: "localhost:81"}}\n'.replace('cache', 'other')
    more = more.replace('localhost:80', 'localhost:82')
    with caplog.at_level(logging.WARNING):
        reloader.apply(settings_of(path, more))
        reloader.apply(settings_of(path, more))
    expected = 'backend of web, proxy other, proxy new, proxy cache'
    assert caplog.messages == [f'changed, but not before the next start: {expected}']
    assert settings_of(path, more) != settings_of(path, TWO)


def test_every_setting_is_a_fault_or_needs_a_start() -> None:
    before = Settings()
    assert list(find_unapplied(before, before)) == []
    assert list(find_unapplied(before, msgspec.structs.replace(before, http=True, seed=3))) == [
        'http',
        'seed of vaurien',
    ]


SCHEDULED = f'{TWO}schedule: {{steps: [{{at: 60, proxy: web, behavior: hang}}]}}\n'


def test_the_schedule(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It begins anew if it is another one, and goes on if it is not."""
    settings = settings_of(path, TWO)
    proxies = Proxies(settings.each_proxy, settings.defaults)
    scheduler = Scheduler(proxies)
    reloader = Reloader(proxies, scheduler, settings)

    def reload(text: str) -> str:
        caplog.clear()
        reloader.apply(settings_of(path, text))
        gevent.sleep(0)
        (message,) = [message for message in caplog.messages if message.startswith('reloaded')]
        return message

    def coming() -> str:
        coming = scheduler.status()['next']
        return '' if coming is None else coming['change']

    with caplog.at_level(logging.INFO):
        assert reload(SCHEDULED) == 'reloaded: the schedule'
        assert coming() == 'web: behavior hang'
        assert reload(SCHEDULED) == 'reloaded: no fault has changed'
        assert reload(SCHEDULED.replace('hang', 'abort')) == 'reloaded: the schedule'
        assert coming() == 'web: behavior abort'
        wrong = SCHEDULED.replace('hang', 'error(code=503)').replace('20:delay', '30:delay').replace('web,', 'cache,')
        with pytest.raises(ConfigError, match=r'^schedule\.steps\[0\]\.behavior\.error\.code: '):
            reloader.apply(settings_of(path, wrong))
        assert (coming(), format_rules(proxies['web'].rules)) == ('web: behavior abort', '20:delay')
        assert reload(TWO) == 'reloaded: the schedule'
        assert scheduler.status()['status'] == 'stopped'
