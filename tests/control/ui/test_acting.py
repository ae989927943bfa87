"""Every act on the page: what a click does to the proxy, and what is left when it is undone."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from selenium.webdriver.common.keys import Keys

from tests.behaviors.waiting import eventually
from tests.control.ui.shown import Shown
from tests.control.ui.stage import Stage, is_open
from tests.servers import HOST, TIMEOUT

ARM = 'button[aria-label="Arm a fault on cache"]'
#: Seconds that may be between a change and the note of it, while the machine has much else to do.
SLACK = 0.5

#: The places of each window in a chart, in pixels, and those where its moments belong by the ends of the chart.
PLACES = """
const chart = document.querySelector('.card[data-proxy=cache] .u-under');
const outer = chart.getBoundingClientRect();
const [first, last] = [Number(chart.dataset.from), Number(chart.dataset.to)];
const place = (time) => outer.left + outer.width * (time - first) / (last - first);
return [...chart.querySelectorAll('.window.behavior')].map((shade) => {
  const [from, to] = [Number(shade.dataset.from), Number(shade.dataset.to)];
  const { left, right } = shade.getBoundingClientRect();
  return { from, to, text: shade.dataset.text, is: [left, right], wanted: [place(from), place(to)], last };
});
"""


def test_a_fault_is_armed_for_some_seconds_and_its_window_stands_where_the_faults_were(
    page: Shown, stage: Stage
) -> None:
    eventually(lambda: len(page.texts('.exchanges li')) > 10)
    page.press(ARM)
    page.choose('#kind', 'behavior delay')
    page.fill('#option-sleep', '60ms')
    page.fill('#option-match', 'GET user:*')
    page.wait(lambda: 'GET user:1' in page.texts('.trial code'))
    said = page.texts('.trial')[0].splitlines()[0]
    hit, total = [int(word) for word in said.split() if word.isdigit()]
    assert 0 < hit < total <= 500
    page.fill('#seconds', '1.5')
    page.press('dialog button.main')
    page.wait(lambda: page.texts('.armed code') == ["delay(sleep=0.06, match='GET user:*')"])
    page.wait(lambda: page.texts('.armed .left')[0] in ('0:01 left', '0:02 left'))
    page.wait(lambda: not page.find('.armed'))
    faults = [fault['time'] for fault in stage.get('/proxies/cache/faults')['faults']]
    page.wait(lambda: (places := page.browser.run(PLACES)) and places[-1]['to'] <= places[-1]['last'])
    shade = page.browser.run(PLACES)[-1]
    assert shade['text'] == "delay(sleep=0.06, match='GET user:*')"
    assert shade['from'] - SLACK <= faults[0] < faults[-1] <= shade['to'] + SLACK
    assert shade['to'] - shade['from'] == pytest.approx(1.5, abs=0.5)
    assert shade['is'] == pytest.approx(shade['wanted'], abs=1)


def test_a_rule_is_weighed_and_disarmed_and_all_is_undone(page: Shown, stage: Stage) -> None:
    page.press(ARM)
    page.choose('#kind', 'behavior error')
    page.fill('#option-message', 'LOADING')
    page.fill('#percent', '40')
    page.press('dialog button', 'no end')
    page.press('dialog button.main')
    eventually(lambda: stage.get('/proxies/cache/behavior')['behavior'] == '40:error')
    page.slide('.armed input[type=range]', 15)
    eventually(lambda: stage.get('/proxies/cache/behavior')['behavior'] == '15:error')
    assert stage.status('cache')['behaviors'][0]['options']['message'] == 'LOADING'
    page.press('.armed button', 'Disarm')
    eventually(lambda: stage.armed('cache') == [])
    acts = ['cache: disarmed error', 'cache: 15% error', "cache: armed error(message='LOADING')"]
    for act, behavior in zip(acts, ('15:error', '40:error', 'dummy'), strict=True):
        page.undo(act)
        assert stage.get('/proxies/cache/behavior')['behavior'] == behavior
    assert stage.armed('cache') == []
    page.wait(lambda: not page.element('#undo').is_enabled())


def test_a_rule_with_an_end_is_disarmed_before(page: Shown, stage: Stage) -> None:
    stage.arm('cache', {'name': 'delay', 'sleep': 0.001, 'for': 60})
    page.wait(lambda: re.fullmatch(r'0:(5\d|60) left', page.texts('.armed .left')[0]))
    page.slide('.armed input[type=range]', 50)
    page.wait(lambda: page.texts('.armed .percent') == ['50 %'])
    page.press('.armed button', 'Disarm')
    eventually(lambda: stage.armed('cache') == [])
    page.undo('cache: disarmed delay')
    [rule] = stage.status('cache')['behaviors']
    assert (rule['name'], rule['percent']) == ('delay', 50)
    assert 0 < rule['options']['for'] < 60


def test_what_cannot_be_armed_says_why_beside_its_field(page: Shown, stage: Stage) -> None:
    page.press(ARM)
    page.fill('#option-sleep', 'soon')
    page.press('dialog button.main')
    page.wait(lambda: page.texts('dialog .wrong') == ["expected a duration such as 200ms or 2s, got 'soon'"])
    page.fill('#option-sleep', '')
    page.fill('#option-match', '/(/')
    page.wait(lambda: page.find('.trial.bad'))
    said = page.texts('.trial')
    page.press('dialog button.main')
    page.wait(lambda: page.texts('dialog .wrong') == said)
    assert not page.find('.trial')
    assert stage.armed('cache') == []


def test_an_end_has_a_unit(page: Shown, stage: Stage) -> None:
    page.press(ARM)
    for kind in ('behavior delay', 'toxic noop'):
        page.choose('#kind', kind)
        page.fill('#seconds', 'abc')
        page.press('dialog button.main')
        page.wait(lambda: page.texts('.field .wrong') == ["expected a duration such as 200ms or 2s, got 'abc'"])
    assert stage.armed('cache') == []
    page.fill('#seconds', '1m')
    page.press('dialog button.main')
    page.wait(lambda: page.find('.window.toxic'))
    assert stage.get('/schedule')['next']['seconds'] == 60
    page.press(ARM)
    page.fill('#seconds', '1m30s')
    page.press('dialog button.main')
    eventually(lambda: stage.armed('cache') == ['delay', 'noop_downstream'])
    assert stage.rules('cache')[0][2]['for'] == 90


def test_a_form_says_what_is_so_for_its_proxy(page: Shown) -> None:
    page.press(ARM)
    page.choose('#kind', 'behavior error')
    said = 'Text with its kind: MOVED 1 host:6379, or LOADING alone (default injected by vaurien)'
    page.wait(lambda: page.texts('#option-message-help') == [said])
    page.choose('#kind', 'behavior certificate')
    page.wait(lambda: page.texts('dialog .help')[0].startswith('It needs a proxy that speaks TLS with clients'))
    page.press('dialog button.main')
    page.wait(lambda: page.texts('.field .wrong') == ['it needs tls or proxy_tls: TLS is not spoken with clients'])


def test_a_toxic_for_some_seconds_waits_for_the_schedule_that_is_filled_in(page: Shown, stage: Stage) -> None:
    page.press('#schedule summary')
    page.press('#schedule button.main')
    page.wait(lambda: page.texts('#schedule [role=status] strong') == ['running'])
    page.browser.run('scrollTo(0, 0)')
    page.press(ARM)
    page.choose('#kind', 'toxic noop')
    page.press('dialog button.main')
    page.wait(lambda: page.texts('dialog .wrong') == ['a schedule runs: stop it, or add the toxic without seconds'])
    assert stage.get('/schedule')['status'] == 'running'


def test_a_toxic_is_added_and_removed(page: Shown, stage: Stage) -> None:
    page.press(ARM)
    page.choose('#kind', 'toxic latency')
    page.fill('#option-latency', '30')
    page.press('dialog button', 'no end')
    page.press('dialog button.main')
    page.wait(lambda: page.texts('.armed code') == ['latency(latency=30)@downstream'])
    page.wait(lambda: page.find('.window.toxic'))
    page.press('.armed button', 'Remove')
    eventually(lambda: stage.armed('cache') == [])
    page.undo('cache: removed latency_downstream')
    assert stage.armed('cache') == ['latency_downstream']
    page.undo('cache: latency(latency=30)@downstream')
    assert stage.armed('cache') == []


def test_a_toxic_for_some_seconds_goes_by_itself(page: Shown, stage: Stage) -> None:
    page.press(ARM)
    page.choose('#kind', 'toxic noop')
    page.fill('#seconds', '0.5')
    page.press('dialog button.main')
    page.wait(lambda: page.find('.window.toxic'))
    eventually(lambda: stage.get('/schedule')['status'] == 'ended')
    assert stage.armed('cache') == []


def test_a_proxy_is_disabled_and_enabled(page: Shown, stage: Stage) -> None:
    address = stage.address('shop')
    page.press('button[aria-label="Disable shop"]')
    eventually(lambda: not is_open(address))
    page.wait(lambda: page.texts('.notice') == ['Disabled: nobody can connect.'])
    page.press('button[aria-label="Enable shop"]')
    eventually(lambda: is_open(address))
    page.undo('shop: enabled')
    assert not is_open(address)
    page.undo('shop: disabled')
    assert is_open(address)


def test_the_backend_is_changed(page: Shown, stage: Stage) -> None:
    before = stage.status('cache')['backend']
    page.press('button[aria-label^="Backend of cache"]')
    page.fill('input[aria-label="Backend of cache"]', f'{HOST}:1')
    page.press('.change button', 'Change')
    eventually(lambda: stage.status('cache')['backend'] == f'{HOST}:1')
    page.undo(f'cache: backend {HOST}:1')
    assert stage.status('cache')['backend'] == before


def test_a_link_is_looked_at_and_cut(page: Shown, stage: Stage) -> None:
    eventually(lambda: len(stage.get('/proxies/cache/links')['links']) == 1)
    [link] = stage.get('/proxies/cache/links')['links']
    page.press('button[aria-label^="Links of cache"]')
    page.press('dialog tbody button', str(link['id']))
    page.wait(lambda: page.texts('dialog h2') == [f'Link {link["id"]} of cache'])
    page.wait(lambda: len(page.texts('dialog .exchange')) > 3)
    page.press('dialog button', 'Cut this link')
    page.wait(lambda: page.texts('dialog .bar p') == ['It is closed.'])
    assert all(one['id'] != link['id'] for one in stage.get('/proxies/cache/links')['links'])
    assert not page.element('#undo').is_enabled()


def test_requests_are_held_until_somebody_decides(page: Shown, stage: Stage) -> None:
    stage.arm('shop', {'name': 'hold', 'match': 'GET /ok?*', 'wait': 100 * TIMEOUT})
    host, port = stage.address('shop')

    def ask(what: str) -> int:
        return requests.get(f'http://{host}:{port}/ok?{what}', timeout=10 * TIMEOUT).status_code

    with ThreadPoolExecutor() as threads:
        passed, answered, cut = (threads.submit(ask, what) for what in ('pass', 'error', 'cut'))
        page.wait(lambda: sorted(page.texts('.held code')) == ['GET /ok?cut', 'GET /ok?error', 'GET /ok?pass'])
        page.press('button[aria-label="Let GET /ok?pass pass"]')
        assert passed.result(TIMEOUT) == 200
        page.press('button[aria-label="Answer GET /ok?error with an error"]')
        page.fill('#answer-headers', 'none')
        page.press('dialog button.main')
        page.wait(lambda: page.texts('.field .wrong'))
        assert not answered.done()
        page.fill('#answer-code', '418')
        page.fill('#answer-headers', '')
        page.press('dialog button.main')
        assert answered.result(TIMEOUT) == 418
        page.press('button[aria-label="Cut the link of GET /ok?cut"]')
        assert isinstance(cut.exception(TIMEOUT), requests.ConnectionError)
    page.wait(lambda: not page.find('.held'))
    page.wait(lambda: page.texts('.news') == ['shop: cut the link of GET /ok?cut'])
    assert not page.element('#undo').is_enabled()


def test_a_request_is_held_no_longer(page: Shown, stage: Stage) -> None:
    stage.arm('shop', {'name': 'hold', 'match': 'GET /ok?*', 'wait': 100 * TIMEOUT})
    host, port = stage.address('shop')
    with ThreadPoolExecutor() as threads:
        passed = threads.submit(requests.get, f'http://{host}:{port}/ok?late', timeout=10 * TIMEOUT)
        page.press('button[aria-label="Answer GET /ok?late with an error"]')
        page.wait(lambda: page.texts('dialog h2') == ['Answer with an error'])
        stage.arm('shop', {'name': 'dummy'})
        passed.exception(10 * TIMEOUT)
    page.press('dialog button.main')
    page.wait(lambda: page.texts('dialog .wrong') == ['GET /ok?late is held no longer'])


def test_everything_is_reset(page: Shown, stage: Stage) -> None:
    page.press(ARM)
    page.press('dialog button.main')
    eventually(lambda: stage.armed('cache') == ['delay'])
    page.press('button[aria-label="Disable shop"]')
    eventually(lambda: not stage.status('shop')['enabled'])
    page.wait(lambda: page.find('button[aria-label="Enable shop"]'))
    page.press('#reset')
    eventually(lambda: stage.armed('cache') == [] and stage.status('shop')['enabled'])
    page.undo('Reset all proxies')
    assert stage.armed('cache') == ['delay']
    assert not stage.status('shop')['enabled']


def test_a_schedule_is_run_watched_and_stopped(page: Shown, stage: Stage) -> None:
    steps = [
        {'proxy': 'cache', 'behavior': '50:delay(sleep=0.01)'},
        {'after': 'deploy', 'proxy': 'shop', 'behavior': 'error', 'for': '1h'},
    ]
    page.press('#schedule summary')
    page.fill('#schedule textarea', json.dumps({'steps': steps}))
    page.press('#schedule button.main')
    page.wait(lambda: page.texts('#schedule [role=status] strong') == ['running'])
    page.wait(lambda: page.texts('.armed code') == ['delay(sleep=0.01)'])
    page.wait(lambda: page.all('.mark.schedule'))
    page.fill('#schedule input', 'deploy')
    page.press('#schedule button', 'Mark')
    eventually(lambda: stage.armed('shop') == ['error'])
    page.press('#schedule button', 'Stop')
    eventually(lambda: stage.armed('cache') == stage.armed('shop') == [])
    page.undo('Stopped the schedule')
    assert stage.get('/schedule')['status'] == 'running'


def test_it_is_used_by_keyboard_alone(page: Shown, stage: Stage) -> None:
    for _ in range(30):
        page.type_keys(Keys.TAB)
        if page.focused().get_attribute('aria-label') == 'Arm a fault on cache':
            break
    page.type_keys(Keys.ENTER)
    page.wait(lambda: page.texts('dialog h2') == ['Arm a fault on cache'])
    page.type_keys(Keys.ESCAPE)
    page.wait(lambda: not page.find('dialog'))
    assert page.focused().get_attribute('aria-label') == 'Arm a fault on cache'
    page.type_keys(Keys.ENTER)
    page.fill('#seconds', '')
    page.type_keys(Keys.ENTER)
    eventually(lambda: stage.armed('cache') == ['delay'])
