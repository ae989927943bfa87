"""A real browser that shows files to the tests: Chromium without windows, which takes half as much of a processor."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.remote.webelement import WebElement

from tests.servers import TIMEOUT

#: The elements of a CSS selector that can be seen. A page may be drawn anew at any time, but not within a script.
SEEN = """
const isSeen = (element) => element.checkVisibility({ visibilityProperty: true });
const seen = [...document.querySelectorAll(arguments[0])].filter(isSeen);
"""

#: The texts that have too little contrast to what is behind them, by WCAG 2 (level AA: 4.5).
PALE = """
const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
const luminance = (colour) => numbers(colour).slice(0, 3).map((value) => value / 255)
  .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
  .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
const paper = (element) => {
  const colour = getComputedStyle(element).backgroundColor;
  return numbers(colour)[3] === 0 && element.parentElement ? paper(element.parentElement) : colour;
};
const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
const isSeen = (element) => element.checkVisibility({ visibilityProperty: true });
const texts = [...document.body.querySelectorAll('*')].filter((element) => hasText(element) && isSeen(element));
return texts.filter((element) => {
  const [low, high] = [luminance(getComputedStyle(element).color), luminance(paper(element))].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05) < 4.5;
}).map((element) => element.outerHTML);
"""


class Browser:
    """A browser with one page, as large as the test wants it."""

    def __init__(self) -> None:
        """Start it; raise `FileNotFoundError` if there is none on this machine."""
        options = ChromeOptions()
        options.binary_location = _find('chromium-headless-shell')
        options.add_argument('--disable-gpu')
        # /dev/shm is small in a container.
        options.add_argument('--disable-dev-shm-usage')
        if os.getuid() == 0:  # the sandbox does not work for root
            options.add_argument('--no-sandbox')
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
        # It leaves files behind where temporary files are.
        self._files = TemporaryDirectory(ignore_cleanup_errors=True)
        service = ChromeService(_find('chromedriver'), env={**os.environ, 'TMPDIR': self._files.name})
        self.driver = Chrome(options, service)
        self.driver.set_page_load_timeout(2 * TIMEOUT)
        self.driver.set_script_timeout(2 * TIMEOUT)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *args: object) -> None:
        processes = psutil.Process(self.driver.service.process.pid).children(recursive=True)
        self.driver.quit()
        for process in processes:  # its driver, which is to end them, does not wait for ever
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._files.cleanup()

    def show(
        self, page: Path, *, width: int = 1280, height: int = 900, is_dark: bool = False, anchor: str = ''
    ) -> None:
        """Open a file, which becomes the only page, in a window of that size."""
        self.open(page.as_uri() + anchor, width=width, height=height, is_dark=is_dark)

    def open(self, url: str, *, width: int = 1280, height: int = 900, is_dark: bool = False) -> None:
        """Open a URL, likewise."""
        size = {'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': False}
        scheme = {'name': 'prefers-color-scheme', 'value': 'dark' if is_dark else 'light'}
        self.command('Emulation.setDeviceMetricsOverride', size)
        self.command('Emulation.setEmulatedMedia', {'features': [scheme]})
        self.driver.get('about:blank')
        for kind in ('browser', 'performance'):
            self.driver.get_log(kind)  # what was before
        self.driver.get(url)

    def command(self, name: str, parameters: dict[str, Any]) -> Any:
        """Give it a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def run(self, script: str) -> Any:
        """Return what a script returns that runs in the page."""
        return self.driver.execute_script(script)

    def find(self, selector: str) -> list[WebElement]:
        """Return the elements of a CSS selector that can be seen."""
        found: list[WebElement] = self.driver.execute_script(f'{SEEN} return seen;', selector)
        return found

    def click(self, selector: str) -> None:
        """Click on the only element of a CSS selector."""
        [element] = self.find(selector)
        element.click()

    def texts(self, selector: str) -> list[str]:
        """Return the texts of what can be seen of a CSS selector."""
        found: list[str] = self.driver.execute_script(
            f'{SEEN} return seen.map((element) => element.innerText.trim());', selector
        )
        return found

    def find_pale(self) -> list[str]:
        """Return the elements with texts that have too little contrast."""
        found: list[str] = self.driver.execute_script(PALE)
        return found

    def photograph(self) -> bytes:
        """Return the window as PNG."""
        picture: bytes = self.driver.get_screenshot_as_png()
        return picture

    def messages(self) -> list[str]:
        """Return what the page has had to say in the console: errors, and what its policy forbids."""
        return [entry['message'] for entry in self.driver.get_log('browser')]

    def requests(self) -> list[str]:
        """Return the URLs that were asked for since the page was opened."""
        events = [json.loads(entry['message'])['message'] for entry in self.driver.get_log('performance')]
        return [one['params']['request']['url'] for one in events if one['method'] == 'Network.requestWillBeSent']


def _find(command: str) -> str:
    path = shutil.which(command)
    if path is None:
        raise FileNotFoundError(f'there is no {command}: make test installs it')
    return path
