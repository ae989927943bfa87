"""The page as a test uses it: by what stands on it, as somebody would who looks at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.behaviors.waiting import eventually
from tests.browser import Browser
from tests.control.ui.stage import Stage

#: Runs axe, and returns what it finds serious.
AXE = """
const done = arguments[0];
axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => done(violations
  .filter(({ impact }) => impact === 'serious' || impact === 'critical')
  .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`)));
"""
#: How far the page, or the dialog on it, is wider than the window.
OVERFLOW = """
const dialog = document.querySelector('dialog');
const wide = dialog ? dialog.scrollWidth - dialog.clientWidth : 0;
return Math.max(document.scrollingElement.scrollWidth - innerWidth, wide);
"""


class Shown:
    """The page in a browser."""

    def __init__(self, browser: Browser, stage: Stage) -> None:
        self.browser = browser
        self.stage = stage

    def open(self, *, width: int = 1280, height: int = 900, is_dark: bool = False) -> None:
        """Open it anew, and wait until it has numbers."""
        self.browser.open(f'{self.stage.api}/ui', width=width, height=height, is_dark=is_dark)
        eventually(lambda: self.texts('.state') == [f'live · {self.stage.version}'])
        eventually(lambda: len(self.browser.find('.u-wrap')) == 2 * len(self.stage.names))

    def texts(self, selector: str) -> list[str]:
        """Return the texts of what can be seen of a CSS selector."""
        return self.browser.texts(selector)

    def find(self, selector: str) -> list[WebElement]:
        """Return the elements of a CSS selector that can be seen."""
        return self.browser.find(selector)

    def element(self, selector: str) -> WebElement:
        """Return the first element of a CSS selector that can be seen, as soon as there is one."""
        found: list[WebElement] = []

        def look() -> bool:
            found[:] = self.browser.find(selector)
            return bool(found)

        eventually(look)
        return found[0]

    def press(self, selector: str, text: str = '') -> None:
        """Click on the first element that can be seen, and says *text*."""

        def attempt() -> bool:
            try:
                for element in self.browser.find(selector):
                    if not text or element.text.strip() == text:
                        element.click()
                        return True
            except StaleElementReferenceException:
                pass
            return False

        eventually(attempt)

    def fill(self, selector: str, text: str) -> None:
        """Type into a field in place of what is in it."""
        field = self.element(selector)
        field.send_keys(Keys.CONTROL, 'a')
        field.send_keys(text or Keys.DELETE)

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a list."""
        options = self.element(selector).find_elements(By.TAG_NAME, 'option')
        next(option for option in options if option.get_property('value') == value).click()

    def slide(self, selector: str, value: int) -> None:
        """Move a slider, and let it go."""
        script = (
            'const [slider, value] = arguments; slider.value = value;'
            "for (const name of ['input', 'change']) slider.dispatchEvent(new Event(name, { bubbles: true }));"
        )
        self.browser.driver.execute_script(script, self.element(selector), value)

    def undo(self, act: str) -> None:
        """Undo the last act, by its button, and wait until that is done."""
        self.wait(lambda: self.element('#undo').get_attribute('title') == act)
        self.press('#undo')
        self.wait(lambda: self.texts('.news') == [f'Undone: {act}'])

    def wait(self, check: Callable[[], object]) -> None:
        """Wait until *check* holds, which may look at what is drawn anew meanwhile."""

        def look() -> object:
            try:
                return check()
            except (StaleElementReferenceException, IndexError):
                return False

        eventually(look)

    def find_serious(self, axe: Path) -> list[str]:
        """Return what axe finds serious on the page as it is."""
        self.browser.driver.execute_cdp_cmd('Runtime.evaluate', {'expression': axe.read_text()})
        found: list[str] = self.browser.driver.execute_async_script(AXE)
        return found

    @property
    def overflow(self) -> int:
        """By how many pixels it is too wide."""
        wide: int = self.browser.run(OVERFLOW)
        return wide

    def ranges(self) -> list[list[float]]:
        """Return the first and the last moment that each chart shows."""
        script = "return [...document.querySelectorAll('.u-under')].map(({ dataset }) => [+dataset.from, +dataset.to])"
        found: list[list[float]] = self.browser.run(script)
        return found

    def seconds(self) -> int:
        """Return for how many seconds the first chart has numbers."""
        return int(self.element('figure').get_attribute('data-seconds') or 0)

    def point_at(self, selector: str, part: float) -> None:
        """Move the mouse to a part of the width of an element."""
        element = self.element(selector)
        offset = int((part - 0.5) * element.size['width'])
        ActionChains(self.browser.driver).move_to_element_with_offset(element, offset, 0).perform()

    def drag(self, selector: str, first: float, last: float) -> None:
        """Drag the mouse from one part of the width of an element to another."""
        element = self.element(selector)
        width = element.size['width']
        actions = ActionChains(self.browser.driver)
        actions.move_to_element_with_offset(element, int((first - 0.5) * width), 0).click_and_hold()
        actions.move_by_offset(int((last - first) * width), 0).release().perform()

    def focused(self) -> Any:
        """Return the element that has the focus."""
        return self.browser.driver.switch_to.active_element

    def type_keys(self, *keys: str) -> None:
        """Type what is pressed on the keyboard, wherever the focus is."""
        self.focused().send_keys(*keys)

    def all(self, selector: str) -> list[WebElement]:
        """Return every element of a CSS selector."""
        return list(self.browser.driver.find_elements(By.CSS_SELECTOR, selector))
