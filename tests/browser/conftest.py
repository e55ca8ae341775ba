"""A real Chromium and a running bank for the browser tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from . import os_input
from .harness import (
    FLAGS,
    Bank,
    find_chromium,
    find_headless_chromium,
    missing,
    reset,
    serve_resettable_bank,
)
from .os_input import Desk

#: For a page on a machine that does other work at the time.
PATIENCE_MS = 30_000
# Every window would load two pages for its address bar: a third of the time that a window takes.
# Chromium heeds only the last list of features, so this one repeats Playwright's own.
NO_ADDRESS_BAR = "--disable-features=" + ",".join(
    (
        *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
        *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
        *("HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding"),
        *("ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints"),
        *("NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch"),
    )
)

# The headless shell puts a mouse into the corner of each page that it loads. No test moves one there.
NO_MOUSE_IN_THE_CORNER = """
for (const type of ["pointerover", "pointerenter", "pointermove", "mousemove"]) {
  const cornered = (event) => event.isTrusted && !event.screenX && !event.screenY && !event.movementX;
  addEventListener(type, (event) => cornered(event) && event.stopImmediatePropagation(), true);
}"""


@pytest.fixture(scope="package")
def chromium() -> str:
    """Path of the Chromium under test."""
    found = find_chromium()
    if found is None:
        missing("Chromium", "apt-get install chromium, or point ZEROTRUST_TEST_CHROMIUM at one.")
    assert found is not None
    return found


# Package scope, not session: the sync API keeps an event loop running in this thread, which the
# tests of async views in the other folders must not meet.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    """One headless Chromium for all browser tests."""
    path = find_headless_chromium() or chromium
    flags = [*FLAGS, NO_ADDRESS_BAR]
    running = playwright.chromium.launch(executable_path=path, headless=True, args=flags)
    yield running
    running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh visitor: own cookies, own storage, 1280 x 800."""
    fresh = browser.new_context(viewport={"width": 1280, "height": 800})
    fresh.set_default_timeout(PATIENCE_MS)
    fresh.add_init_script(NO_MOUSE_IN_THE_CORNER)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of that visitor."""
    return context.new_page()


@pytest.fixture(scope="package")
def one_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """The process that serves the bank of all tests, where good movement opens views.

    Tests of known browsers have a bank of their own, with the demo's own rule.
    """
    folder = tmp_path_factory.mktemp("bank")
    with serve_resettable_bank(folder, ZEROTRUST_NEW_BROWSER="movement") as bank:
        yield bank


@pytest.fixture
def live_bank(one_bank: Bank) -> Bank:
    """A fresh bank with the configuration of ``make demo NEW_BROWSER=movement``."""
    return reset(one_bank)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A screen of our own."""
    lacking = os_input.problem()
    if lacking is not None:
        missing(*lacking.split(" is missing: "))
    with os_input.screen() as name:
        yield name


@pytest.fixture
def desk(display: str) -> Iterator[Desk]:
    """Hand and keyboard at that screen."""
    hands = Desk(display)
    yield hands
    hands.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder ``browser``, and ``hand`` if it moves a real pointer."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if "display" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.hand)


@pytest.fixture
def scriptless(browser: Browser) -> Iterator[Page]:
    """A browser with JavaScript switched off."""
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()
