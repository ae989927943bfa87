"""The live list, and what is taken away from the page."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import tomli

from tests.behaviors.waiting import eventually
from tests.browser import Browser
from tests.commands import StartCommand
from tests.control.ui.shown import Shown
from tests.control.ui.stage import Stage
from tests.servers import TIMEOUT
from vaurien import Proxy
from vaurien.cli.flags import parse
from vaurien.rules.rule import Rule
from vaurien.schedule.reading import read_schedule

COPY = '.card[data-proxy=cache] .copy'
RULES = """20:delay(sleep=0.001, match='GET it\\'s "*'),30:error(message='LOADING')"""
#: How the API writes them: with options only where there are limits.
ARMED = """20:delay(sleep=0.001, match='GET it\\'s "*'),30:error"""
#: The addresses of the pictures in the page, which are their data.
PICTURES = 'return [...document.images].map((image) => image.src)'


def test_the_list_is_filtered_as_rules_are(page: Shown) -> None:
    page.fill('.controls input[type=text]', '/^GET (user|/orders)/')
    page.wait(lambda: {'GET user:1', 'GET /orders/7'} <= set(page.texts('.live .request')))
    assert all(text.startswith(('GET user:', 'GET /orders')) for text in page.texts('.live .request'))
    page.fill('.controls input[type=text]', '/(/')
    page.wait(lambda: 'missing )' in page.texts('.controls .wrong')[0])
    page.fill('.controls input[type=text]', '')
    page.fill('.controls input[type=search]', 'CART')
    page.wait(lambda: set(page.texts('.live .request')) == {'SET cart:7', 'GET cart:7'})


def test_the_list_is_paused_and_cleared(page: Shown) -> None:
    page.wait(lambda: len(page.texts('.live .request')) > 5)
    page.press('.live header button', 'Pause')
    page.wait(lambda: page.find('.live header button[aria-pressed=true]'))
    held = page.texts('.live time')
    shown = page.texts('.stat dd')
    page.wait(lambda: page.texts('.stat dd') != shown)
    assert page.texts('.live time') == held
    page.press('.live header button', 'Clear')
    page.wait(lambda: page.texts('.live .none') == ['No exchange has been seen yet.'])
    page.press('.live header button', 'Go on')
    page.wait(lambda: len(page.texts('.live .request')) > 0)


def test_a_fault_is_seen_where_it_has_struck(page: Shown, stage: Stage) -> None:
    stage.arm('cache', {'name': 'error', 'match': 'INCR *', 'message': 'OOM'})
    page.choose('.controls select', 'faulted')
    page.wait(lambda: set(page.texts('.live .request')) == {'INCR visits'})
    assert set(page.texts('.live .fault')) == {'error'}
    page.press('.live li:first-child button')
    page.wait(lambda: page.texts('dialog h2')[0].endswith(' of cache'))


def copy(page: Shown, form: str) -> str:
    """Return what is copied in one of the forms."""
    choice = f'{COPY} input[data-form="{form}"]'
    page.browser.driver.execute_script('document.querySelector(arguments[0]).click()', choice)
    page.wait(lambda: page.find(f'{COPY} pre[aria-label="As {form}"]'))
    [text] = page.texts(f'{COPY} pre')
    return text


def show(rules: Iterable[Rule]) -> list[tuple[str, float, Any]]:
    """Return rules as `Stage.rules` does."""
    return [(status['name'], status['percent'], status['options']) for status in (rule.status() for rule in rules)]


def test_what_is_copied_is_what_is_armed(
    page: Shown, stage: Stage, tmp_path: Path, vaurien_proxy: Callable[..., Proxy]
) -> None:
    stage.arm('cache', {'behavior': RULES})
    stage.add('cache', {'type': 'latency', 'stream': 'upstream', 'attributes': {'latency': 3}, 'toxicity': 0.5})
    page.wait(lambda: len(page.texts('.armed code')) == 3)
    page.press('.card[data-proxy=cache] .more details:last-child summary')
    texts = {form: copy(page, form) for form in ('Shell', 'Config', 'pytest', 'curl')}
    rules, toxics, address = stage.rules('cache'), stage.status('cache')['toxics'], stage.address('cache')

    shell = subprocess.run(
        ['sh', '-c', f"printf '%s\\n' {texts['Shell']}"], capture_output=True, text=True, timeout=TIMEOUT
    )
    words = shell.stdout.splitlines()
    settings = parse(words[1:]).settings
    assert (words[0], (settings.proxy.host, settings.proxy.port), settings.protocol) == ('vaurien', address, 'redis')
    assert show(settings.behaviors) == rules
    assert [toxic.status() for toxic in settings.toxics] == toxics

    config = tmp_path / 'vaurien.toml'
    config.write_text(texts['Config'])
    [proxy] = parse(['--config', str(config)]).settings.each_proxy
    assert (proxy.name, show(proxy.behaviors)) == ('cache', rules)
    assert [toxic.status() for toxic in proxy.toxics] == toxics

    test: dict[str, Any] = {}
    exec(texts['pytest'].replace('...', f'assert proxy.status()["behavior"] == {ARMED!r}'), test)
    test['test_with_a_fault'](vaurien_proxy)

    stage.clear()
    subprocess.run(['sh', '-e', '-c', texts['curl']], check=True, timeout=TIMEOUT, capture_output=True)
    assert stage.rules('cache') == rules
    assert stage.status('cache')['toxics'] == toxics


def save(page: Shown, folder: Path, what: str, file: str, *, has_text: bool = True) -> str:
    """Return what is saved under one of the names of the menu; the file is empty at first, if it *has_text*."""
    page.browser.command('Browser.setDownloadBehavior', {'behavior': 'allow', 'downloadPath': str(folder)})
    page.press('.menu summary')
    page.press('.menu button', what)
    eventually(lambda: (folder / file).exists() and bool((folder / file).read_text()) >= has_text)
    return (folder / file).read_text()


def test_the_journal_is_saved(page: Shown, tmp_path: Path) -> None:
    page.wait(lambda: len(page.texts('.live .request')) > 5)
    entries = [json.loads(line) for line in save(page, tmp_path, 'Journal', 'journal.jsonl').splitlines()]
    assert {'GET user:1', 'GET /orders/7'} <= {entry['request'] for entry in entries}


def test_what_was_armed_is_saved_as_a_schedule(page: Shown, stage: Stage, tmp_path: Path) -> None:
    stage.arm('cache', {'behavior': '20:delay(sleep=0.002)'})
    stage.add('shop', {'type': 'latency', 'attributes': {'latency': 7}})
    page.wait(lambda: len(page.texts('.armed code')) == 2)
    stage.arm('cache', {'name': 'dummy'})
    page.wait(lambda: len(page.texts('.armed code')) == 1)
    text = save(page, tmp_path, 'What was armed, as a schedule', 'schedule.toml')
    delay, latency = tomli.loads(text)['steps'][-2:]
    assert delay.keys() == {'at', 'proxy', 'for', 'behavior'}
    assert (delay['proxy'], delay['behavior']) == ('cache', '20:delay(sleep=0.002)')
    assert latency.keys() == {'at', 'proxy', 'toxic'}
    assert (latency['proxy'], latency['toxic']) == ('shop', 'latency(latency=7)@downstream')
    assert len(read_schedule(tomli.loads(text)).steps) == len(tomli.loads(text)['steps'])


def test_all_is_saved_when_the_process_has_ended(
    browser: Browser, vaurien_command: StartCommand, tmp_path: Path
) -> None:
    command = vaurien_command('--http')
    page = Shown(browser, cast(Stage, command))
    browser.open(f'{command.api}/ui')
    page.wait(lambda: page.texts('.state')[0].startswith('live'))
    command.stop()
    page.wait(lambda: page.texts('.state') == ['not connected'])
    assert save(page, tmp_path, 'Journal', 'journal.jsonl', has_text=False) == ''
    page.press('.menu summary')
    assert '.stale' in save(page, tmp_path, 'This page, as one file', 'vaurien.html')


def test_the_page_is_saved_as_one_file(page: Shown, tmp_path: Path) -> None:
    page.wait(lambda: len(page.texts('.live .request')) > 5)
    text = save(page, tmp_path, 'This page, as one file', 'vaurien.html')
    assert '<script' not in text
    page.browser.show(tmp_path / 'vaurien.html')
    assert page.texts('.card h2') == ['cache', 'shop', 'Schedule']
    assert len(page.find('img.frozen')) == 4
    expected = {(tmp_path / 'vaurien.html').as_uri(), *page.browser.run(PICTURES)}
    asked: set[str] = set()

    def have_all_been_asked_for() -> bool:
        asked.update(page.browser.requests())  # the log of the browser may be late
        return len(asked) >= len(expected)

    page.wait(have_all_been_asked_for)
    assert asked == expected
    assert page.overflow <= 0
