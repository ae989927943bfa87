"""The page of a report, in a real browser: what it shows, what can be done on it, and that it asks for nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser import Browser
from tests.explore.showing.sample import PLACE, POINTS, make_cell, make_entry, make_explored
from vaurien.explore.model import Explored, Outcome
from vaurien.explore.showing.baseline import NOTHING, Accepted, Baseline
from vaurien.explore.showing.page import make_page
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind

LOST = '[aria-label="payments: POST /charge  lost: twice"]'

#: The fields whose text comes from elsewhere.
FREE = {'test', 'request', 'where', 'message', 'proxy', 'name', 'protocol', 'detail', 'reason', 'problem', 'behavior'}

#: The name of the directive that forbids something.
ATTACK = """
const done = arguments[0];
document.addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective));
try { document.body.append(…) } catch { /* what has not the right type is an exception, too */ }
"""

#: The messages of all cells, each opened by a click.
MESSAGES = """
return [...document.querySelectorAll('button.letter')].map((button) => {
  button.click();
  return document.querySelector('dialog .message').innerText;
});
"""

#: How far the page, or the sheet on it, is wider than the window.
OVERFLOW = """
const sheet = document.querySelector('dialog');
return Math.max(document.scrollingElement.scrollWidth - innerWidth, sheet.scrollWidth - sheet.clientWidth);
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return write(tmp_path, make_explored())


def write(directory: Path, explored: Sequence[Explored], baseline: Baseline = NOTHING) -> Path:
    """Write a page, and return where it is."""
    path = directory / 'index.html'
    path.write_text(make_page(explored, baseline))
    return path


def text_of(exchange: WebElement) -> str:
    """Return what was asked; empty where there is no exchange."""
    return ''.join(element.text for element in exchange.find_elements(By.CSS_SELECTOR, '.what'))


def test_the_matrix_comes_first_and_the_findings_beside_it(browser: Browser, page: Path) -> None:
    browser.show(page)
    assert browser.texts('h1') == ['Survived 16 of 23 faults']
    assert browser.texts('.matrix thead th') == 2 * ['request', *(kind.value for kind in Kind)]
    letters = [row.find_elements(By.CSS_SELECTOR, 'td') for row in browser.find('.test:nth-of-type(1) .row')]
    assert [''.join(cell.text or ' ' for cell in row) for row in letters] == [
        'r     ',
        'rr  . ',
        'd ?   ',
        ' dH  K',
        'STddWL',
        'dW?   ',
        ' .  ?-',
    ]
    [matrix, _], [findings] = browser.find('.matrix'), browser.find('aside')
    assert matrix.rect['x'] + matrix.rect['width'] < findings.rect['x']
    assert browser.texts('.finding .place')[:2] == ['postgres: COMMIT', 'payments: POST /charge']


def test_a_cell_opens_the_clean_and_the_faulty_run_side_by_side(browser: Browser, page: Path) -> None:
    browser.show(page)
    browser.click(LOST)
    assert browser.texts('dialog h2') == ['payments: POST /charge #1 lost']
    assert browser.texts('dialog .badge') == ['twice', 'retried']
    assert browser.texts('.replay') == [f"pytest {PLACE} --vaurien-fault 'payments: POST /charge #1 lost'"]
    exchanges = browser.find('.exchange')
    pairs = list(zip(exchanges[::2], exchanges[1::2], strict=True))
    asked = [POINTS[i].request.replace('*', '7') for i in range(1, 7)]
    texts = [tuple(map(text_of, pair)) for pair in pairs]
    assert texts == [*((text, text) for text in asked), ('', 'POST /charge')]
    for left, right in pairs:
        assert left.rect['y'] == right.rect['y']
        assert left.rect['x'] + left.rect['width'] < right.rect['x']
    assert browser.texts('.is-faulty .facts') == ['payments\nabort\nno reply\nshop/payments.py:31']
    assert browser.texts('.is-extra .what') == ['POST /charge']


def test_what_was_tried_once_and_for_ever_is_behind_one_letter(browser: Browser, page: Path) -> None:
    browser.show(page)
    browser.click('[aria-label="payments: POST /charge  refused: storm"]')
    assert browser.texts('dialog h2') == ['payments: POST /charge #1+ refused']
    assert browser.texts('.tabs button') == [
        'r\npayments: POST /charge #1 refused',
        'S\npayments: POST /charge #1+ refused',
    ]
    browser.click('.tabs button:first-child')
    assert browser.texts('dialog h2') == ['payments: POST /charge #1 refused']
    browser.click('.close')
    assert browser.texts('dialog h2') == []


def test_the_address_of_a_cell_opens_it_again(browser: Browser, page: Path) -> None:
    browser.show(page)
    browser.click('.finding:nth-child(2) > button')
    anchor = browser.run('return location.hash')
    browser.show(page, anchor=anchor)
    assert browser.texts('dialog h2') == ['payments: POST /charge #1 lost']
    browser.show(page, anchor='#cell-99999')
    assert browser.texts('dialog h2') == []
    assert browser.messages() == []


def test_outcomes_filter_rows_tests_and_findings(browser: Browser, page: Path) -> None:
    browser.show(page)
    browser.click('[data-outcome=twice]')
    assert browser.texts('.row .request') == ['POST /charge']
    assert browser.texts('.finding .place') == ['payments: POST /charge']
    assert browser.texts('button.letter.is-shown') == ['T', 'W']
    browser.click('[data-outcome=leak]')
    assert browser.texts('.row .proxy') == ['postgres', 'payments']
    for outcome in ('twice', 'leak'):
        browser.click(f'[data-outcome={outcome}]')
    assert len(browser.find('.row')) == 10
    assert len(browser.find('.test')) == 4


def test_a_test_says_which_proxies_were_left_to_it(browser: Browser, tmp_path: Path) -> None:
    browser.show(write(tmp_path, [Explored(test=PLACE, apart=('redis', 'mail'))]))
    assert browser.texts('.notes') == [
        'Nothing to explore: the application asked nothing. Not explored: redis and mail, for the test watches that '
        'itself, or chooses its faults.'
    ]


def test_what_is_accepted_is_told_apart(browser: Browser, tmp_path: Path) -> None:
    faults = ('payments: POST /charge #1 lost',)
    accepted = Accepted(faults=faults, outcomes=frozenset({Outcome.TWICE}), reason='The provider knows the order.')
    browser.show(write(tmp_path, make_explored(), Baseline([accepted])))
    assert browser.texts('.is-accepted') == ['T']
    assert browser.texts('.finding:last-child .badge') == ['twice', 'accepted']
    browser.click(LOST)
    assert 'Accepted: The provider knows the order.' in browser.texts('dialog .facts')


@pytest.mark.parametrize('is_dark', [False, True], ids=['light', 'dark'])
@pytest.mark.parametrize('width', [1280, 390])
def test_all_can_be_read_on_any_screen_in_any_light(browser: Browser, page: Path, width: int, is_dark: bool) -> None:
    browser.show(page, width=width, height=844, is_dark=is_dark)
    [red, green, blue] = map(
        int, re.findall(r'\d+', browser.run('return getComputedStyle(document.body).backgroundColor'))
    )
    assert (max(red, green, blue) < 50) is is_dark
    for selector in ('body', LOST):
        browser.click(selector)
        assert browser.find_pale() == []
        assert browser.run(OVERFLOW) <= 0


@pytest.mark.parametrize('is_dark', [False, True], ids=['light', 'dark'])
def test_nothing_is_asked_for_but_the_file_itself(browser: Browser, page: Path, is_dark: bool) -> None:
    browser.show(page, is_dark=is_dark)
    browser.click(LOST)
    assert [url for url in browser.requests() if not url.startswith('data:')] == [page.as_uri()]
    assert browser.messages() == []


@pytest.mark.parametrize(
    ('attack', 'directive'),
    [
        ("Object.assign(document.createElement('img'), { src: 'http://127.0.0.1:1/' })", 'img-src'),
        ("Object.assign(document.createElement('iframe'), { src: 'http://127.0.0.1:1/' })", 'frame-src'),
        ("Object.assign(document.createElement('style'), { textContent: 'p { color: red }' })", 'style-src-elem'),
        ("(document.createElement('p').setAttribute('onclick', '1'), 'p')", 'require-trusted-types-for'),
    ],
)
def test_the_policy_of_the_page_forbids_what_it_does_not_need(
    browser: Browser, page: Path, attack: str, directive: str
) -> None:
    browser.show(page)
    violated = browser.driver.execute_async_script(ATTACK.replace('…', attack))
    assert violated == directive


def test_markup_in_what_was_found_out_stays_text(browser: Browser, tmp_path: Path) -> None:
    """Requests and messages come from the application, and so from whoever asks it."""
    evil = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">&amp;'

    def spoil(value: Any) -> Any:
        """Return a value in which each free text is that one, or begins with it."""
        if isinstance(value, dict):
            return {
                name: evil if name in FREE and not isinstance(text, list) else spoil(text)
                for name, text in value.items()
            }
        return [spoil(one) for one in value] if isinstance(value, list) else value

    explored = msgspec.convert(spoil(msgspec.to_builtins(make_explored())), list[Explored])
    faults = (str(explored[0].cells[0].injections[0]),)
    accepted = Accepted(faults=faults, outcomes=frozenset({Outcome.WRONG}), reason=evil)
    browser.show(write(tmp_path, explored, Baseline([accepted])))
    messages = browser.run(MESSAGES)
    assert sum(message == evil for message in messages) > 10
    browser.click('.close')
    assert browser.texts('.test h2')[0] == evil
    assert browser.run('return [window.hacked ?? null, document.images.length]') == [None, 0]
    assert browser.messages() == []


def test_a_storm_does_not_make_the_page_large(browser: Browser, tmp_path: Path) -> None:
    cell = make_cell(POINTS[4], Kind.REFUSED, Outcome.STORM)
    stormy = msgspec.structs.replace(cell, entries=tuple(cell.entries) * 5000)
    explored = make_explored()[0]
    explored.cells = [stormy]
    page = write(tmp_path, [explored])
    assert page.stat().st_size < 100_000
    browser.show(page, anchor='#cell-0')
    assert browser.texts('.runs > .facts') == ['0 more', '29880 more']


def test_an_exchange_takes_few_bytes_in_each_cell(tmp_path: Path) -> None:
    """An application of some size has thousands of cells, with dozens of exchanges each."""
    [explored, *_] = make_explored()
    cell = msgspec.structs.replace(explored.cells[0], entries=tuple(explored.cells[0].entries) * 10)
    sizes = []
    for number in (0, 100):
        explored.cells = [cell] * number
        sizes.append(write(tmp_path, [explored]).stat().st_size)
    assert (sizes[1] - sizes[0]) / 100 / len(cell.entries) < 60


def test_what_only_sets_a_connection_up_does_not_stand_out(browser: Browser, tmp_path: Path) -> None:
    [explored, *_] = make_explored()
    hello = make_entry(0, 'redis', 'HELLO 3', Effect.CONNECT)
    explored.cells = [msgspec.structs.replace(explored.cells[0], entries=(hello, *explored.cells[0].entries))]
    browser.show(write(tmp_path, [explored]), anchor='#cell-0')
    assert browser.texts('.is-set-up .what') == ['HELLO 3']
    assert browser.texts('.is-extra .what') == []
