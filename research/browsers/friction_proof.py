"""What a proof by the browser's key costs in Chromium: time on its way, and requests."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request

from research.browsers.friction_people import Typist
from research.browsers.friction_visits import Visit, act, log_in, log_out
from tests.browser.bank_app import GUARDED
from tests.browser.harness import Bank

#: Pairs of ways that are timed, after one that warms up.
PAIRS = 20
#: A pair is timed once so much of the machine was idle for a second: other work would be timed, too.
IDLE = 0.7
#: How long that is waited for before each pair, in seconds.
CALM_S = 900.0
#: After so long a page has asked for what it needs, in seconds.
QUIET_S = 2.0
_LEAVE = "url => { const at = performance.timeOrigin + performance.now(); location.href = url; return at; }"
_ARRIVED = """() => {
  const { loadEventEnd } = performance.getEntriesByType("navigation")[0];
  return loadEventEnd && performance.timeOrigin + loadEventEnd;
}"""


def measure_proof(browser: Browser, bank: Bank, *, pairs: int = PAIRS) -> dict[str, Any]:
    """Return the times of both ways to a guarded page, in ms, and the requests for a form's proof."""
    context = browser.new_context()
    person = Typist(page := context.new_page())
    log_in(person, bank)
    act(person, bank, Visit(), choice="remember", amount=1)
    log_out(person)
    found = [_pair(person, bank) for _ in range(1 + pairs)][1:]
    requests = _requests(person, bank, page)
    context.close()
    extra = [proof - direct for proof, direct in found]
    columns = {"proof_ms": [p for p, _ in found], "direct_ms": [d for _, d in found], "extra_ms": extra}
    return {
        "pairs": pairs,
        **{name: _middle_and_end(of) for name, of in columns.items()},
        **requests,
    }


def _middle_and_end(times_ms: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(times_ms), 1), "max": round(max(times_ms), 1)}


def _pair(person: Typist, bank: Bank) -> tuple[float, float]:
    """Return how long a guarded link takes by way of the challenge page, and then directly, in ms."""
    log_in(person, bank)
    page = person.page
    assert isinstance(page, Page)
    wait_for_calm()
    proof, hops = _timed(page, bank)
    direct, direct_hops = _timed(page, bank)
    assert (hops, direct_hops) == (1, 0), f"challenge pages on the way: {hops}, then {direct_hops}"
    log_out(person)
    return proof, direct


def wait_for_calm() -> None:
    """Wait until the machine does little else, whatever the last pair was like.

    Raises
    ------
    AssertionError
        If it was busy all the time.
    """
    until = time.monotonic() + CALM_S
    while time.monotonic() < until:
        before = _ticks()
        time.sleep(1.0)
        after = _ticks()
        if (after[0] - before[0]) / (after[1] - before[1]) >= IDLE:
            return
    raise AssertionError(f"this machine was never {IDLE:.0%} idle for a second in {CALM_S:.0f} s")


def _ticks() -> tuple[int, int]:
    """Return the ticks that all processors were idle, and all ticks."""
    user, nice, system, idle, *others = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return idle, user + nice + system + idle + sum(others)


def _timed(page: Page, bank: Bank) -> tuple[float, int]:
    hops: list[str] = []
    page.goto(bank.url + "/transfer")
    time.sleep(0.5)  # its own requests are over

    def note(request: Request) -> None:
        if request.is_navigation_request() and "/zerotrust/challenge/" in request.url:
            hops.append(request.url)

    page.on("request", note)
    start = page.evaluate(_LEAVE, GUARDED)
    page.wait_for_url("**" + GUARDED)
    page.wait_for_function(_ARRIVED)
    arrived = page.evaluate(_ARRIVED)
    page.remove_listener("request", note)
    return round(arrived - start, 1), len(hops)


def _requests(person: Typist, bank: Bank, page: Page) -> dict[str, int]:
    """Return the extension's requests for data: of a page with a form, and when the form is sent."""
    log_in(person, bank)
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request))
    page.goto(bank.url + "/transfer")
    time.sleep(QUIET_S)
    loaded = _for_data(seen)
    seen.clear()
    person.fill("#to", "alan")
    person.fill("#amount", "7")
    person.press("main form[method=post] button[type=submit]")
    page.wait_for_url(bank.url + "/")
    assert "is on its way" in page.locator(".notice.success").inner_text()
    # What the next page asks for is its own.
    acting = [one for one in _for_data(seen) if one.headers.get("referer", "").endswith("/transfer")]
    log_out(person)
    return {"requests_of_form": len(loaded), "requests_when_acting": len(acting)}


def _for_data(requests: list[Request]) -> list[Request]:
    """Return those to the extension, without its scripts; the status line is the demo's own."""
    paths = [(one, urlsplit(one.url).path.partition("/zerotrust/")[2]) for one in requests]
    return [one for one, path in paths if path and not path.startswith(("static/", "status"))]
