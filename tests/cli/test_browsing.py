"""``vaurien --ui``: the page is opened in the browser of whoever has started the command."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.behaviors.waiting import eventually
from tests.commands import StartCommand
from tests.servers import TIMEOUT


def test_the_page_is_opened(vaurien_command: StartCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened, browser = tmp_path / 'opened', tmp_path / 'browser'
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv('BROWSER', str(browser))
    command = vaurien_command('--ui', '--http-port', '0')
    line = next(line for line in command.out_lines if line.startswith('control API: '))
    page = f'{line.removeprefix("control API: ")}/ui'
    eventually(opened.exists)
    assert opened.read_text().strip() == page
    assert f'page: {page}' in command.out_lines
    assert requests.get(page, timeout=TIMEOUT).status_code == 200
    assert command.stop()[::2] == (0, '')


def test_without_a_browser_the_address_is_there(vaurien_command: StartCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('BROWSER', 'false')
    monkeypatch.setenv('PATH', '/nowhere')
    command = vaurien_command('--ui', '--http-port', '0')
    command.wait_for_log('no browser to open http://')
    assert any(line.startswith('page: http://') for line in command.out_lines)
