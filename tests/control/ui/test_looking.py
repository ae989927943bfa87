"""What the page shows, to whom, and that it asks nobody else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest

from tests.browser import Browser
from tests.commands import StartCommand
from tests.control.ui.shown import Shown
from tests.control.ui.stage import Stage
from tests.servers import Server

#: Has the page be told of a second with long and short times, and keeps what the charts write.
LONG = """
import('/ui/store.js').then(({ receive, store }) => {
  window.written = [];
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
    written.push(text);
    write.call(this, text, ...rest);
  };
  const times = { p50: 2e-4, p95: 30, p99: 30 };
  const rates = { requests: 1, errors: 0, faults: 0, upstream: 0, downstream: 0, links: 1 };
  const cache = { ...rates, backend: times, client: times, state: store.states.cache };
  receive('second', { time: store.time, requests: 1, timed: 1, proxies: { cache } });
});
"""
#: Counts how often the first chart is drawn.
COUNT = """
window.drawn = 0;
new MutationObserver(() => { drawn += 1; }).observe(document.querySelector('.u-under'), { attributes: true });
"""
#: Hides the page, or shows it again, as a browser does with a tab.
HIDE = """
Object.defineProperty(document, 'hidden', { configurable: true, value: arguments[0] });
document.dispatchEvent(new Event('visibilitychange'));
"""
#: Tells until when the page knows how everything is.
TIME = "const done = arguments[0]; import('/ui/store.js').then(({ store }) => done(store.time))"


def test_each_proxy_has_a_card_with_its_numbers(page: Shown, stage: Stage) -> None:
    assert page.texts('.card h2') == ['cache', 'shop', 'Schedule']
    cache = '.card[data-proxy=cache]'
    page.wait(lambda: re.fullmatch(r'[1-9][\d.]*', page.texts(f'{cache} .stat dd')[0]))
    page.wait(lambda: all(re.fullmatch(r'[\d.]+ m?s', text) for text in page.texts(f'{cache} .times td')[1:]))
    assert page.texts(f'{cache} .stat dt') == ['requests/s', 'errors/s', 'faults/s', 'links', 'up /s', 'down /s']
    assert page.texts(f'{cache} .where')[0].split()[::3] == ['redis', stage.status('cache')['backend']]
    assert page.browser.messages() == []
    hosts = {urlsplit(url).netloc for url in page.browser.requests()}
    assert hosts == {urlsplit(stage.api).netloc}


@pytest.mark.parametrize(('width', 'is_dark'), [(1280, False), (390, True)])
def test_all_can_be_used_on_any_screen_in_any_light(
    page: Shown, stage: Stage, axe: Path, width: int, is_dark: bool
) -> None:
    stage.arm('cache', {'behavior': "20:error(message='LOADING'),30:delay(sleep=0.05, match='GET user:*')"})
    stage.add('shop', {'type': 'latency', 'attributes': {'latency': 20}})
    page.open(width=width, height=844, is_dark=is_dark)
    page.wait(lambda: len(page.texts('.armed code')) == 3 and len(page.texts('.live .request')) > 5)
    assert page.find_serious(axe) == []
    assert page.overflow <= 0
    page.press('button[aria-label="Arm a fault on cache"]')
    page.fill('#option-match', 'GET *')
    page.wait(lambda: page.texts('.trial')[0].startswith('Would have hit'))
    assert page.find_serious(axe) == []
    assert page.overflow <= 0


def test_all_charts_have_one_cursor_and_one_zoom(page: Shown) -> None:
    page.wait(lambda: page.seconds() > 3)
    page.point_at('.card[data-proxy=cache] .u-over', 0.99)
    page.wait(lambda: all('client p50' in text for text in page.texts('figcaption')))
    [begin, end] = page.ranges()[0]
    page.drag('.card[data-proxy=shop] .u-over', 0.5, 0.8)
    page.wait(lambda: page.find('#unzoom') and len({tuple(one) for one in page.ranges()}) == 1)
    [first, last] = page.ranges()[0]
    assert last - first == pytest.approx(0.3 * (end - begin), rel=0.1)
    assert begin < first < last < end
    page.press('#unzoom')
    page.wait(lambda: page.ranges()[0][1] > end)


def test_it_fits_a_window_that_is_made_narrow(page: Shown) -> None:
    size = {'width': 380, 'height': 844, 'deviceScaleFactor': 1, 'mobile': False}
    page.browser.command('Emulation.setDeviceMetricsOverride', size)
    page.wait(lambda: page.overflow <= 0)


def test_an_axis_has_no_wrong_label(page: Shown) -> None:
    page.browser.run(LONG)
    page.wait(lambda: {'100 s', '100 µs'} <= set(page.browser.run('return window.written')))
    assert '0 µs' not in page.browser.run('return written')


def test_a_chart_is_drawn_once_a_second_and_not_while_nobody_looks(page: Shown) -> None:
    page.browser.run(COUNT)
    before = page.seconds()
    page.wait(lambda: page.seconds() >= before + 4)
    drawn, seconds = page.browser.run('return [drawn, +document.querySelector("figure").dataset.seconds]')
    assert 0 < drawn <= seconds - before + 1
    page.browser.driver.execute_script(HIDE, True)
    drawn, seconds = page.browser.run('return [drawn, +document.querySelector("figure").dataset.seconds]')
    time = page.browser.driver.execute_async_script(TIME)
    page.wait(lambda: page.browser.driver.execute_async_script(TIME) > time + 2)
    assert page.browser.run('return drawn') == drawn
    page.browser.driver.execute_script(HIDE, False)
    page.wait(lambda: page.seconds() >= seconds + 2)


def test_the_token_is_asked_for_once(browser: Browser, vaurien_command: StartCommand, redis_server: Server) -> None:
    command = vaurien_command('--backend', f'127.0.0.1:{redis_server.port}', '--http', '--api-token', 's3cret')
    page = Shown(browser, cast(Stage, command))
    browser.open(f'{command.api}/ui')
    page.wait(lambda: page.texts('dialog h2') == ['Token'])
    page.fill('#token', 'wrong')
    page.press('dialog button.main')
    page.wait(lambda: page.texts('dialog .wrong') == ['That is not it.'])
    page.fill('#token', 's3cret')
    page.press('dialog button.main')
    page.wait(lambda: page.texts('.card h2') == ['vaurien', 'Schedule'])
    browser.driver.refresh()
    page.wait(lambda: page.texts('.card h2') == ['vaurien', 'Schedule'])
    assert not page.find('dialog')
    assert all('s3cret' not in url for url in browser.requests())


def test_the_end_of_the_process_is_seen_and_its_return(browser: Browser, vaurien_command: StartCommand) -> None:
    command = vaurien_command('--http')
    page = Shown(browser, cast(Stage, command))
    browser.open(f'{command.api}/ui')
    page.wait(lambda: page.texts('.state')[0].startswith('live') and page.texts('.live .dim') == ['0 a second'])
    page.press('button[aria-label="Arm a fault on vaurien"]')
    command.stop()
    page.wait(lambda: page.texts('.state') == ['not connected'])
    [notice] = page.texts('.notice')
    assert notice.startswith('The process has ended, or cannot be reached. What stands here is from ')
    page.wait(lambda: page.texts('.live .dim') == [''])
    assert page.texts('.card .end .main ~ button') == ['Disable']
    page.press('dialog button.main')
    page.wait(lambda: page.texts('dialog .wrong') == ['not connected: the process has ended, or cannot be reached'])
    pale = "return getComputedStyle(document.querySelector('.stat dd')).color"
    grey = browser.run(pale)
    vaurien_command('--http', '--http-port', str(command.control_port))
    page.wait(lambda: page.texts('.state')[0].startswith('live') and page.texts('.live .dim') == ['0 a second'])
    assert page.texts('.notice') == []
    assert browser.run(pale) != grey
