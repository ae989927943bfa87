"""One command, one browser and its clients for all tests of the page; everything passes again before each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.commands import Command
from tests.control.ui.shown import Shown
from tests.control.ui.stage import Stage, asking, write_config
from tests.servers import Server


@pytest.fixture(scope='package')
def running(redis_server: Server, nginx: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The command, with clients that ask all the time."""
    folder = tmp_path_factory.mktemp('page')
    config = folder / 'vaurien.ini'
    config.write_text(write_config(redis_server, nginx))
    command = Command('--server', '--config', str(config), '--journal', str(folder / 'journal'))
    try:
        stage = Stage(command)
        with asking(stage):
            yield stage
        code, _, log = command.stop()
        assert code == 0
        assert 'Traceback' not in log
    finally:
        command.kill()


@pytest.fixture
def stage(running: Stage) -> Stage:
    """The command, with nothing armed."""
    running.clear()
    return running


@pytest.fixture
def page(browser: Browser, stage: Stage) -> Iterator[Shown]:
    """The page, open. Afterwards it is closed, for it would go on drawing beside other tests."""
    page = Shown(browser, stage)
    page.open()
    yield page
    browser.open('about:blank')


@pytest.fixture(scope='session')
def axe(node_modules: Path) -> Path:
    """The script of axe, which finds what not everybody can use."""
    return node_modules / 'node_modules' / 'axe-core' / 'axe.min.js'
