"""What the collector takes of a page's main thread: ``make page-time``.

A mouse is moved by the operating system (:mod:`tests.browser.os_input`) over a page with the collector and
over the same page without it, in turn. Chromium itself says how long its main thread was at work: CPU
time of all its tasks (``TaskDuration`` of the DevTools domain ``Performance``, in thread ticks), the
coalescing of what a fast mouse reports, batches, their requests and garbage collection included. A busy
machine makes a task last longer, but takes no more of this.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from playwright.sync_api import CDPSession, Page, sync_playwright

from flask_zerotrust.movement.wire import decode
from research.benchmarks import figures
from research.browsers.chromium import the_chromium
from tests.browser.harness import FLAGS
from tests.browser.os_input import SCREEN, Desk, screen
from tests.browser.os_input import Path as Movement
from tests.browser.site import SCRIPT, Site, serve_site

#: What an ordinary and a gaming mouse report, a second.
RATES = {"125": 125, "1000": 1_000}
# Seconds of movement before the first that counts: the first token, compiled code.
_WARM_UP_S = 4.0
# Seconds after which a page has sent what it has, or shows no more of having been brought to the front.
_FLUSH_S = 2.5
_NAMES = ("TaskDuration", "ScriptDuration")

FIGURES = (
    figures.Figure(
        "main thread in the page, a second, mouse of 125 events a second",
        lambda found: found["TaskDuration"]["125"],
        3.0,
        unit="ms",
    ),
    figures.Figure(
        "main thread in the page, a second, mouse of 1,000 events a second",
        lambda found: found["TaskDuration"]["1000"],
        6.0,
        unit="ms",
    ),
    figures.Figure(
        "of this, scripts: 125 events a second",
        lambda found: found["ScriptDuration"]["125"],
        unit="ms",
    ),
    figures.Figure(
        "of this, scripts: 1,000 events a second",
        lambda found: found["ScriptDuration"]["1000"],
        unit="ms",
    ),
)


def swing(rate: int, seconds: float) -> Movement:
    """Return a hand that draws a loop a second, a point each time the mouse reports.

    Fast enough to be at another pixel a millisecond later: where nothing has moved, X reports nothing.
    """
    t_s = np.arange(round(rate * seconds)) / rate
    x = 640 + 500 * np.sin(2 * np.pi * t_s)
    y = 400 + 250 * np.sin(4 * np.pi * t_s + 0.8)
    return Movement(t_s, x.astype(np.int64), y.astype(np.int64), "m" * len(t_s))


@contextmanager
def pages(site: Site) -> Iterator[tuple[Desk, dict[str, Page]]]:
    """Lend a hand, and a window with a page each: with the collector and without."""
    body = "<p>Move here.</p>" * 20
    urls = {
        "with": site.page(body, path="/with", head=SCRIPT),
        "without": site.page(body, path="/without", head=""),
    }
    with screen() as display, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=the_chromium(),
            headless=False,
            args=[*FLAGS, "--kiosk", "--window-position=0,0", f"--window-size={SCREEN[0]},{SCREEN[1]}"],
            env={**os.environ, "DISPLAY": display},
        )
        desk, window = Desk(display), browser.new_context(no_viewport=True)
        found = {name: window.new_page() for name in urls}
        for name, page in found.items():
            page.goto(urls[name])
        yield desk, found
        desk.close()
        browser.close()


def spent(session: CDPSession) -> dict[str, float]:
    """Return what the main thread has spent so far, in s."""
    said = session.send("Performance.getMetrics")["metrics"]
    return {one["name"]: float(one["value"]) for one in said if one["name"] in _NAMES}


def measure(seconds: float, rounds: int) -> dict[str, Any]:
    """Return the runs, what the collector adds, and every figure with its target."""
    found = added_by_round(seconds, rounds)
    return found | {"rounds": rounds, "figures": figures.rows(found, FIGURES)}


def added_by_round(seconds: float, rounds: int) -> dict[str, Any]:
    """Return the runs, each in ms a second, and what the collector adds in the median of the rounds."""
    runs: list[dict[str, Any]] = []
    with serve_site() as site, pages(site) as (desk, windows):
        sessions = {name: page.context.new_cdp_session(page) for name, page in windows.items()}
        for session in sessions.values():
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
        for number in range(1 + rounds):
            for rate in RATES.values():
                for name in list(windows)[:: 1 if number % 2 else -1]:
                    windows[name].bring_to_front()
                    time.sleep(_FLUSH_S)
                    path = swing(rate, seconds if number else _WARM_UP_S)
                    found = one_run(site, desk, sessions[name], path)
                    if number:
                        runs.append({"rate": rate, "page": name, **found})
    return {key: {name: added(runs, rate, key=key) for name, rate in RATES.items()} for key in _NAMES} | {
        "runs": runs
    }


def one_run(site: Site, desk: Desk, session: CDPSession, path: Movement) -> dict[str, float]:
    """Move once, wait until the last batch is sent, and return what the main thread spent on it."""
    sent, before = len(site.posts(status=204)), spent(session)
    late_s = desk.replay(path, spin_s=0.0)
    time.sleep(_FLUSH_S)
    after = spent(session)
    bodies = [decode(one.envelope(), max_events=4_000) for one in site.posts(status=204)[sent:]]
    lasted_s = float(path.t_s[len(late_s) - 1])
    return {
        **{key: round(1e3 * (after[key] - before[key]) / lasted_s, 3) for key in _NAMES},
        "late_ms": round(1e3 * float(np.median(late_s)), 2),
        "seconds": round(lasted_s, 2),
        "collected": sum(len(batch.t_ms) for batch in bodies),
    }


def added(runs: list[dict[str, Any]], rate: int, *, key: str) -> float:
    """Return what the page with the collector takes more than the one without, in ms a second.

    The median of the differences within each round, whose runs follow one another.
    """
    sides = {
        page: [run[key] for run in runs if (run["rate"], run["page"]) == (rate, page)]
        for page in ("with", "without")
    }
    return float(statistics.median(a - b for a, b in zip(sides["with"], sides["without"], strict=True)))
