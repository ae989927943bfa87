"""Schedules on proxies that run, by a clock that the test sets."""

from __future__ import annotations

import logging
import socket
from typing import Any

import gevent
import gevent.pool
import pytest

from tests.peers import RawBackend
from tests.schedule.stage import Stage, make, play
from tests.servers import HOST
from vaurien.address import Address
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import ConfigError, NoScheduleError
from vaurien.rules.behaviors import format_rules, make_rules
from vaurien.rules.toxics import make_toxic
from vaurien.schedule.reading import read_schedule
from vaurien.schedule.scheduler import Scheduler

ERROR = {'at': 10, 'for': 20, 'behavior': '20:error'}


def test_what_is_armed_comes_and_goes() -> None:
    def scene(stage: Stage) -> None:
        stage.proxy.arm(make_rules('50:delay'))
        stage.start(ERROR)
        seen = []
        for _ in range(4):
            stage.pass_time(9.999)
            seen.append(stage.armed)
        assert seen == ['50:delay', '20:error', '20:error', '50:delay']
        assert stage.scheduler.status()['status'] == 'ended'

    play(scene)


def test_what_is_armed_again_has_the_time_that_is_left_to_it() -> None:
    def scene(stage: Stage) -> None:
        stage.proxy.arm(make_rules("delay(for='1h'),hang(for=0.005)"))
        gevent.sleep(0.01)
        stage.start(ERROR)
        stage.pass_time(31)
        (rule,) = stage.proxy.rules
        assert rule.name == 'delay'
        assert 3500 < rule.limits['for'] < 3600 - 0.01

    play(scene)


def test_a_toxic_comes_changes_and_goes() -> None:
    def scene(stage: Stage) -> None:
        stage.start({'for': 0.4, 'toxic': 'latency', 'ramp': {'latency': [0, 300]}})
        seen = [stage.toxics]
        for _ in range(4):
            stage.pass_time(0.1)
            seen.append(stage.toxics)
        assert [toxics and toxics[0][1]['latency'] for toxics in seen] == [0, 100, 200, 300, []]

    play(scene)


@pytest.mark.parametrize(
    'written',
    ['latency(latency=7)', "slicer(name='latency_downstream')", "latency(name='latency_downstream')@upstream"],
)
def test_a_toxic_that_was_there_before_is_there_again(written: str) -> None:
    def scene(stage: Stage) -> None:
        stage.proxy.toxics.add(make_toxic('latency', {'latency': 3}))
        stage.start({'for': 1, 'toxic': written})
        (changed,) = stage.proxy.toxics
        assert changed != make_toxic('latency', {'latency': 3})
        stage.pass_time(1)
        assert list(stage.proxy.toxics) == [make_toxic('latency', {'latency': 3})]

    play(scene)


def test_a_toxic_keeps_its_place() -> None:
    def scene(stage: Stage) -> None:
        for type_ in ('latency', 'slicer'):
            stage.proxy.toxics.add(make_toxic(type_, {}))
        stage.start({'for': 1, 'toxic': 'latency(latency=7)'})
        assert [name for name, _ in stage.toxics] == ['latency_downstream', 'slicer_downstream']
        stage.pass_time(1)
        assert [name for name, _ in stage.toxics] == ['latency_downstream', 'slicer_downstream']

    play(scene)


def test_the_proxy_goes_and_comes_back_on_the_same_port(raw_backend: RawBackend) -> None:
    def scene(stage: Stage) -> None:
        port = stage.proxy.address.port
        stage.start({'at': 1, 'for': 1, 'enabled': False})
        seen = [stage.proxy.enabled]
        for _ in range(2):
            stage.pass_time(1)
            seen.append(stage.proxy.enabled)
            if not stage.proxy.enabled:
                with pytest.raises(OSError, match='in use'):
                    socket.create_server((HOST, port))
        assert seen == [True, False, True]
        assert stage.proxy.address.port == port

    play(scene, make('p', backend=Address.parse(raw_backend.address)))


def test_a_proxy_that_was_disabled_is_disabled_again() -> None:
    def scene(stage: Stage) -> None:
        stage.start({'for': 1, 'enabled': True})
        assert stage.proxy.enabled
        stage.pass_time(1)
        assert not stage.proxy.enabled

    play(scene, make('p', enabled=False))


def test_stopping_puts_everything_back() -> None:
    def scene(stage: Stage) -> None:
        stage.start({'behavior': 'error'}, {'toxic': 'latency'}, {'proxy': 'q', 'enabled': False}, {'at': 9, **AT_Q})
        assert (stage.armed, len(stage.toxics), stage.proxies['q'].enabled) == ('error', 1, False)
        stage.scheduler.stop()
        assert (stage.armed, stage.toxics, stage.proxies['q'].enabled) == ('dummy', [], True)
        assert stage.scheduler.status()['status'] == 'stopped'
        stage.scheduler.stop()
        stage.pass_time(100)
        assert stage.proxies['q'].rules == ()

    play(lambda stage: with_proxies(stage, scene), make('p'), make('q'))


AT_Q = {'proxy': 'q', 'behavior': 'error'}


def with_proxies(stage: Stage, scene: Any) -> None:
    """Have steps be on ``p`` that name no proxy, though there are several."""
    start = stage.start
    stage.start = lambda *steps, **fields: start(  # type: ignore[method-assign]
        *({'proxy': 'p', **step} for step in steps), **fields
    )
    scene(stage)


def test_stopping_among_changes_that_are_due() -> None:
    def scene(stage: Stage) -> None:
        toxics = [{'toxic': f"noop(name='{number}')"} for number in range(100)]
        stage.scheduler.start(read_schedule(toxics))
        while not stage.toxics:
            gevent.sleep(0)
        stage.scheduler.stop()
        assert stage.toxics == []
        assert stage.scheduler.status()['changes'] == 2

    play(scene)


def test_what_was_missed_keeps_nobody_waiting() -> None:
    """As after a process was suspended for an hour, with a schedule that has nothing to change in it."""

    def scene(stage: Stage) -> None:
        stage.start({'for': 0.01, 'every': 0.01, 'behavior': 'delay'})
        stage.clock.skip(3600)
        stage.clock.step(stage.clock.now())
        for _ in range(10):
            gevent.sleep(0)
        coming = stage.scheduler.status()['next']
        assert coming is not None
        assert coming['seconds'] < 1, 'others have their turns in between'
        stage.scheduler.stop()
        assert stage.armed == 'dummy'

    play(scene)


def test_abandoning_leaves_everything_as_it_is() -> None:
    def scene(stage: Stage) -> None:
        stage.start({'behavior': 'error'})
        stage.scheduler.abandon()
        assert stage.armed == 'error'
        assert stage.scheduler.status()['status'] == 'stopped'
        while stage.clock.waiting:
            gevent.sleep(0)
        stage.start({'for': 1, 'behavior': 'error'})
        stage.pass_time(1)
        stage.scheduler.abandon()
        assert stage.scheduler.status()['status'] == 'ended'

    play(scene)


def test_the_second_schedule_takes_the_place_of_the_first() -> None:
    def scene(stage: Stage) -> None:
        stage.proxy.arm(make_rules('50:delay'))
        stage.start({'behavior': 'error'}, {'toxic': 'noop'})
        stage.start({'at': 1, 'behavior': 'hang'})
        assert (stage.armed, stage.toxics) == ('50:delay', [])
        stage.pass_time(1)
        assert stage.armed == 'hang'
        stage.scheduler.stop()
        assert stage.armed == '50:delay'

    play(scene)


def test_a_schedule_that_is_refused_leaves_the_first_alone() -> None:
    def scene(stage: Stage) -> None:
        stage.start({'behavior': 'error'})
        with pytest.raises(ConfigError):
            stage.start({'proxy': 'q', 'behavior': 'error'})
        assert stage.armed == 'error'
        assert stage.scheduler.status()['status'] == 'running'

    play(scene)


def test_of_two_that_are_started_at_once_one_runs() -> None:
    def scene(stage: Stage) -> None:
        stage.start({'behavior': 'error'})
        group = gevent.pool.Group()
        for name in ('hang', 'abort'):
            group.spawn(stage.scheduler.start, read_schedule([{'behavior': name}]))
        group.join()
        stage.settle()
        assert stage.armed in ('hang', 'abort')
        stage.scheduler.stop()
        assert stage.armed == 'dummy'

    play(scene)


def test_what_somebody_else_has_changed_meanwhile_stays(caplog: pytest.LogCaptureFixture) -> None:
    def scene(stage: Stage) -> None:
        stage.start(ERROR, {'for': 30, 'toxic': 'noop'}, {'for': 30, 'enabled': False})
        stage.pass_time(10)
        stage.proxy.arm(make_rules('50:abort'))
        stage.proxy.toxics.remove('noop_downstream')
        stage.proxy.start(wait=False)
        stage.pass_time(20)
        assert (stage.armed, stage.toxics, stage.proxy.enabled) == ('50:abort', [], True)

    with caplog.at_level(logging.INFO):
        play(scene)
    assert 'schedule: 30.000 s: p: behavior as before: left alone, for it was changed meanwhile' in caplog.messages
    assert sum('left alone' in message for message in caplog.messages) == 3


def test_what_somebody_else_has_changed_is_there_again_after_the_next_step() -> None:
    def scene(stage: Stage) -> None:
        stage.start({'behavior': 'delay'}, ERROR)
        stage.proxy.arm(make_rules('50:abort'))
        stage.pass_time(10)
        assert stage.armed == '20:error'
        stage.scheduler.stop()
        assert stage.armed == '50:abort'

    play(scene)


def test_a_rule_that_ends_before_its_step() -> None:
    def scene(stage: Stage) -> None:
        stage.proxy.arm(make_rules('50:delay'))
        stage.start({'for': 20, 'behavior': '20:error(for=0.01),10:hang'})
        while stage.armed != '10:hang':
            gevent.sleep(0.001)
        stage.pass_time(20)
        assert stage.armed == '50:delay'

    play(scene)


def test_a_mark() -> None:
    def scene(stage: Stage) -> None:
        stage.start({'at': 5, 'for': 10, 'after': 'deploy', 'behavior': 'error'})
        stage.pass_time(100)
        stage.mark('deploy')
        seen = []
        for _ in range(3):
            stage.pass_time(5)
            seen.append(stage.armed)
        assert seen == ['error', 'error', 'dummy']
        assert stage.scheduler.status()['marks'] == {'deploy': 100.0}
        stage.mark('deploy')
        stage.pass_time(5)
        assert stage.armed == 'error'
        stage.mark('deploy')
        assert stage.armed == 'dummy'
        assert stage.scheduler.status()['marks'] == {'deploy': 120.0}

    play(scene)


def test_what_was_due_before_a_mark_comes_before_it(caplog: pytest.LogCaptureFixture) -> None:
    def scene(stage: Stage) -> None:
        stage.start({'at': 5, 'enabled': False}, {'after': 'deploy', 'behavior': 'error'})
        stage.clock.skip(10)  # and the schedule is not woken in time
        stage.mark('deploy')

    with caplog.at_level(logging.INFO):
        play(scene)
    assert caplog.messages[1:] == [
        'schedule: 5.000 s: p: enabled false',
        'schedule: 10.000 s: p: behavior error',
    ]


def test_a_mark_that_nobody_waits_for() -> None:
    def scene(stage: Stage) -> None:
        with pytest.raises(NoScheduleError, match='no schedule runs'):
            stage.scheduler.mark('deploy')
        stage.start({'for': 1, 'after': 'deploy', 'behavior': 'error'})
        with pytest.raises(ConfigError, match=r"name: no step is after 'deplyo', did you mean 'deploy'\?"):
            stage.scheduler.mark('deplyo')
        stage.scheduler.stop()
        with pytest.raises(NoScheduleError):
            stage.scheduler.mark('deploy')

    play(scene)


def test_the_status() -> None:
    def scene(stage: Stage) -> None:
        nothing: dict[str, Any] = {'active': [], 'next': None, 'marks': {}, 'changes': 0, 'failures': 0}
        assert stage.scheduler.status() == {'status': 'none', 'seconds': 0.0, **nothing}
        stage.start(ERROR, {'at': 25, 'toxic': 'noop'}, **{'for': 60})
        stage.pass_time(12)
        assert stage.scheduler.status() == {
            'status': 'running',
            'seconds': 12.0,
            'active': [0],
            'next': {'seconds': 25.0, 'step': 1, 'change': 'p: toxic noop@downstream'},
            'marks': {},
            'changes': 1,
            'failures': 0,
        }
        stage.pass_time(100)
        assert stage.scheduler.status() == {'status': 'ended', 'seconds': 60.0, **nothing, 'changes': 4}

    play(scene)


def test_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def scene(stage: Stage) -> None:
        stage.start(ERROR)
        stage.pass_time(100)
        stage.start({'behavior': 'error'})
        stage.pass_time(1)
        stage.scheduler.stop()

    with caplog.at_level(logging.INFO):
        play(scene)
    assert caplog.messages == [
        'schedule: started, steps: 1',
        'schedule: 10.000 s: p: behavior 20:error',
        'schedule: 30.000 s: p: behavior as before',
        'schedule: ended after 30.000 s',
        'schedule: started, steps: 1',
        'schedule: 0.000 s: p: behavior error',
        'schedule: 1.000 s: p: behavior as before',
        'schedule: stopped after 1.000 s',
    ]


def test_a_proxy_that_is_removed_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    def scene(stage: Stage) -> None:
        stage.start(
            {'for': 20, 'proxy': 'q', 'enabled': False},
            {'for': 20, 'proxy': 'q', 'toxic': 'latency', 'ramp': {'latency': [0, 800]}},
            {'at': 10, 'proxy': 'p', 'behavior': 'error'},
        )
        stage.pass_time(5.1)
        stage.proxies.remove('q')
        stage.pass_time(20)
        assert stage.armed == 'error'
        stage.scheduler.stop()

    play(scene, make('p'), make('q'))
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "schedule: 5.200 s: q: toxic latency(latency=210)@downstream: failed: there is no proxy 'q'",
        "schedule: 20.000 s: q: enabled as before: failed: there is no proxy 'q'",
    ]


def test_a_proxy_that_comes_later_and_goes_again(caplog: pytest.LogCaptureFixture) -> None:
    def scene(stage: Stage) -> None:
        steps = read_schedule([{'for': 1, 'every': 2, 'proxy': 'q', 'behavior': '20:error'}])
        stage.scheduler.start(steps, is_early=True)
        stage.settle()
        stage.pass_time(1.5)
        stage.proxies.add(ProxyServer(make('q', protocol='redis')))
        stage.pass_time(1)
        assert format_rules(stage.proxies['q'].rules) == '20:error'
        stage.proxies.remove('q')
        stage.pass_time(2)

    play(scene)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "schedule: there is no proxy 'q' yet",
        "schedule: 0.000 s: q: behavior 20:error: failed: there is no proxy 'q'",
        "schedule: 3.000 s: q: behavior as before: failed: there is no proxy 'q'",
    ]


def test_a_step_that_a_proxy_cannot_have_that_comes_later(caplog: pytest.LogCaptureFixture) -> None:
    def scene(stage: Stage) -> None:
        steps = read_schedule([{'at': 1, 'proxy': 'q', 'behavior': 'error(code=503)'}])
        stage.scheduler.start(steps, is_early=True)
        stage.settle()
        stage.proxies.add(ProxyServer(make('q')))
        stage.pass_time(1)

    play(scene)
    told = 'schedule: 1.000 s: q: behavior error(code=503): failed: error.code: errors of tcp have no options'
    assert caplog.messages[-1] == told


def test_a_step_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    def scene(stage: Stage) -> None:
        port = stage.proxy.address.port
        stage.start({'for': 10, 'enabled': False}, ERROR)
        stage.proxy.shut_down()  # as over Toxiproxy's API: the port is free
        with socket.create_server((HOST, port)):
            stage.pass_time(10)
        assert (stage.armed, stage.proxy.enabled) == ('20:error', False)
        assert stage.scheduler.status()['failures'] == 1
        stage.pass_time(20)
        assert stage.proxy.enabled, 'it is tried once more at the end'
        assert stage.proxy.address.port == port

    play(scene)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == ['schedule: 10.000 s: p: enabled as before: failed: address already in use']


@pytest.mark.parametrize(
    ('step', 'names', 'text'),
    [
        ({}, '', 'steps[0].proxy: there is no proxy'),
        ({}, 'pq', 'steps[0].proxy: missing: there are p, q'),
        ({'proxy': 'cach'}, 'pq', "steps[0].proxy: there is no proxy 'cach', known: p, q"),
        ({'behavior': 'error(code=503)'}, 'p', 'steps[0].behavior.error.code: '),
        ({'behavior': 'certificate'}, 'p', 'steps[0].behavior.certificate.problem: it needs tls'),
    ],
)
def test_what_the_proxies_cannot_have(step: dict[str, Any], names: str, text: str) -> None:
    def scene(stage: Stage) -> None:
        for name in set('pq') - set(names):
            stage.proxies.remove(name)
        with pytest.raises(ConfigError) as caught:
            stage.start({'behavior': 'delay', **step})
        assert str(caught.value).startswith(text)
        assert stage.scheduler.status()['status'] == 'none'

    play(scene, make('p'), make('q'))


def test_a_check_makes_pauses() -> None:
    def scene(stage: Stage) -> None:
        pauses: list[None] = []
        stage.scheduler.check(read_schedule([{'behavior': 'delay'}] * 3), lambda: pauses.append(None))
        assert len(pauses) == 3

    play(scene)


def test_options_that_are_configured() -> None:
    def scene(stage: Stage) -> None:
        stage.start({'behavior': 'delay'})
        assert stage.proxy.rules[0].options['sleep'] == 5.0

    play(scene, make('p', behavior_options={'delay': {'sleep': 5.0}}))


def test_the_seed_of_the_process() -> None:
    def scene(stage: Stage) -> None:
        seconds = set()
        for seed in (None, 1, 2):
            scheduler = Scheduler(stage.proxies, seed, stage.clock)
            scheduler.start(read_schedule([{'jitter': 100, 'behavior': 'delay'}]))
            while (coming := scheduler.status()['next']) is None:
                gevent.sleep(0)
            seconds.add(coming['seconds'])
            scheduler.stop()
        assert len(seconds) == 3

    play(scene)


def test_by_the_clock_of_the_system(echo_server: RawBackend) -> None:
    def scene(stage: Stage) -> None:
        scheduler = Scheduler(stage.proxies)
        scheduler.start(read_schedule([{'at': '20ms', 'for': '300ms', 'behavior': 'error'}]))
        seen = []
        while scheduler.status()['status'] == 'running':
            seen.append(stage.armed)
            gevent.sleep(0.001)
        assert sorted(set(seen), key=seen.index) == ['dummy', 'error']
        assert stage.armed == 'dummy'
        assert scheduler.status()['seconds'] >= 0.32

    play(scene, make('p', backend=Address.parse(echo_server.address)))
