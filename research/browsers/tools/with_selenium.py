"""Selenium with ChromeDriver: ActionChains as documented, and in small steps along curves."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from research.browsers.tools.hands import HIGH, KEY_PAUSE_S, WIDE, Hand, MissingError, Tool, inside, middle
from tests.browser import movers
from tests.browser.harness import FLAGS
from tests.browser.movers import Point

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

DRIVER = "chromedriver"
#: Of one pointer move in a chain, in milliseconds; Selenium's own default is 250.
STEP_MS = 10


class Selenium:
    """Selenium's own moves and clicks: one jump each, after a quarter of a second."""

    def __init__(self, driver: Chrome, seed: int) -> None:
        self.driver = driver
        self.rng = np.random.default_rng(seed)
        self.at: Point = (0.0, 0.0)

    def chain(self, duration_ms: int = 250) -> Any:
        from selenium.webdriver import ActionChains

        return ActionChains(self.driver, duration=duration_ms)

    def goto(self, url: str) -> None:
        self.driver.get(url)

    def evaluate(self, expression: str) -> Any:
        return self.driver.execute_script(f"return {expression}")

    def move(self, to: Point) -> None:
        dx, dy = round(to[0]) - round(self.at[0]), round(to[1]) - round(self.at[1])
        self.chain().move_by_offset(dx, dy).perform()
        self.at = to

    def press(self) -> None:
        self.chain().click().perform()

    def click(self, selector: str) -> None:
        found = self.driver.find_element("css selector", selector)
        self.at = middle(self, selector)
        self.chain().move_to_element(found).click().perform()

    def type(self, text: str) -> None:
        chain = self.chain()
        for letter in text:
            chain.send_keys(letter).pause(KEY_PAUSE_S)
        chain.perform()

    def enter(self, selector: str, text: str) -> None:
        self.driver.find_element("css selector", selector).send_keys(text)

    def submit(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).send_keys("\n")


class InSteps(Selenium):
    """Curves as chains of small moves, and buttons that are held."""

    def move(self, to: Point) -> None:
        chain, (x, y) = self.chain(STEP_MS), (round(self.at[0]), round(self.at[1]))
        for at, _ in movers.bezier(self.at, to, self.rng):
            new = tuple(map(round, inside(at)))
            chain.move_by_offset(new[0] - x, new[1] - y)
            x, y = new
        chain.perform()
        self.at = (float(x), float(y))

    def press(self) -> None:
        chain = self.chain().pause(float(self.rng.uniform(0.08, 0.25))).click_and_hold()
        chain.pause(float(self.rng.uniform(0.06, 0.13))).release().perform()

    def click(self, selector: str) -> None:
        self.move(middle(self, selector))
        self.press()


@contextmanager
def _driver(chromium: str) -> Iterator[Chrome]:
    try:
        from selenium.webdriver import Chrome, ChromeOptions, ChromeService
    except ImportError as error:
        raise MissingError("Selenium is missing: pip install selenium") from error
    if shutil.which(DRIVER) is None:
        raise MissingError("ChromeDriver is missing: apt-get install chromium-driver")
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, "--headless=new", f"--window-size={WIDE},{HIGH}"):
        options.add_argument(flag)
    driver = Chrome(options=options, service=ChromeService(shutil.which(DRIVER)))
    try:
        size = {"width": WIDE, "height": HIGH, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        yield driver
    finally:
        driver.quit()


def _versions() -> dict[str, str]:
    import selenium

    said = subprocess.run([DRIVER, "--version"], capture_output=True, text=True, check=True).stdout
    return {"selenium": selenium.__version__, "chromedriver": said.split()[1]}


@contextmanager
def _plain(chromium: str, seed: int) -> Iterator[Hand]:
    with _driver(chromium) as driver:
        yield Selenium(driver, seed)


@contextmanager
def _in_steps(chromium: str, seed: int) -> Iterator[Hand]:
    with _driver(chromium) as driver:
        yield InSteps(driver, seed)


TOOLS = (
    Tool("selenium", "Selenium", "ActionChains' own moves and clicks", _plain, _versions),
    Tool("selenium-steps", "Selenium", "curves in small steps, held buttons", _in_steps, _versions),
)
