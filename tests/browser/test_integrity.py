"""What a real Chromium shows of programs that drive it, and of input at the level of the system."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from flask_zerotrust.movement import Integrity, inspect
from flask_zerotrust.movement.browser_evidence import PRESS_CAP, WHEEL_LOG_ODDS
from flask_zerotrust.movement.wire import WHEEL, decode

from .harness import Bank
from .site import Site, serve_site
from .steps import log_in, status_when

TWO_BUTTONS = """<style>button { position: absolute; left: 100px; top: 200px }
#far { left: 900px; top: 500px }</style><button id=near>Near</button><button id=far>Far</button>"""

# Three reaches of 25 moves, one a frame, as a script in the page makes them.
SCRIPT = """async () => {
  const fire = (type, x) => document.body.dispatchEvent(new PointerEvent(type, {
    clientX: x, clientY: x / 2, pointerType: "mouse", bubbles: true}));
  for (const start of [50, 150, 250]) {
    for (let i = 0; i < 25; i++) {
      fire("pointermove", start + 20 * i);
      await new Promise(requestAnimationFrame);
    }
    fire("pointerdown", start + 500);
    fire("pointerup", start + 500);
  }
}"""


@pytest.fixture
def site() -> Iterator[Site]:
    """A page with the collector on it, that keeps what it sends."""
    with serve_site() as running:
        yield running


def seen(site: Site) -> Integrity:
    """Return what all batches so far say together."""
    found = Integrity()
    for request in site.seen:
        if request.path == "/zerotrust/events":
            found = found.add(inspect(decode(request.envelope(), max_events=4_000)))
    return found


def test_clicks_by_playwright_are_odd(page: Page, site: Site, report: Callable[[str], None]) -> None:
    """It jumps to each button and lets go at once; alone, that raises no risk."""
    page.goto(site.page(TWO_BUTTONS))
    for _ in range(4):
        page.click("#near")
        page.click("#far")
    found = site.wait(lambda: seen(site).press >= PRESS_CAP and seen(site))
    report(f"Playwright, clicks: {found}")
    assert found.press == PRESS_CAP
    assert found.untrusted == 0.0


@pytest.mark.parametrize(("px", "weight"), [(120, 0.0), (480, WHEEL_LOG_ODDS), (-1_200, WHEEL_LOG_ODDS)])
def test_a_wheel_turned_by_playwright_goes_too_far_in_one_notch(
    page: Page, site: Site, px: int, weight: float
) -> None:
    """The delta is the program's, the notch the driver's; an ordinary notch says nothing."""
    page.goto(site.page(TWO_BUTTONS))
    page.evaluate("addEventListener('wheel', () => (window.turned = true))")
    page.mouse.move(300, 300)
    page.mouse.wheel(0, px)
    # The wheel is delivered later than mouse input that follows it.
    page.wait_for_function("() => window.turned")
    page.click("#near")
    site.wait(lambda: any((batch.kind == WHEEL).any() for batch in site.taken()))
    assert seen(site).wheel == weight


@pytest.mark.slow
def test_its_moves_and_clicks_agree(page: Page, site: Site, report: Callable[[str], None]) -> None:
    """Its moves reach their handlers in step, at least while the machine is not too busy for that."""
    page.goto(site.page(TWO_BUTTONS))
    for _ in range(12):
        for x in (150, 950):
            page.mouse.move(x, 700 - x // 2, steps=60)
            page.mouse.down()
            page.mouse.up()
        page.wait_for_timeout(2_200)
        found = seen(site)
        if found.press == PRESS_CAP and found.timing > PRESS_CAP:
            break
    report(f"Playwright, moves and clicks: {found}")
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    if busy and found.timing <= PRESS_CAP:
        pytest.skip("NOT MEASURED: this machine is too busy for its events to keep in step.")
    assert found.press == PRESS_CAP
    assert found.timing > PRESS_CAP


def test_scripted_movement_is_high_at_the_bank(
    page: Page, live_bank: Bank, report: Callable[[str], None]
) -> None:
    """A script in the page is told by the browser, though no movement of a mouse was ever seen."""
    log_in(page, live_bank)
    page.goto(live_bank.url + "/transfer")
    page.evaluate(SCRIPT)
    found = status_when(page, lambda now: now["level"] == "high")
    report(f"Script events: level {found['level']}, risk {found['risk']:.3f}, {found['reasons']}")
    assert (found["level"], found["strokes"]) == ("high", 0)
    assert "untrusted_events" in found["reasons"]
