"""How often people are asked for a code, in real browsers: ``make friction``.

One person visits the example app ten times with one browser, does one guarded action in each visit, and
chooses one of the two buttons at each challenge. Chromium is measured in full, Firefox and WebKit for the
four commonest kinds of people. The figures land in docs/friction.json.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, Playwright, sync_playwright

from flask_zerotrust.simulate.visits import known
from research.browsers.friction_people import (
    KINDS,
    SHORT_S,
    AtDesk,
    FirefoxTouch,
    Kind,
    Mouse,
    Person,
    TooBusy,
    WebKitTouch,
    Window,
    at_chromium,
)
from research.browsers.friction_proof import measure_proof
from research.browsers.friction_visits import Visits, ten_visits
from tests.browser import engines, kept, os_input
from tests.browser.engines import Eyes
from tests.browser.harness import FLAGS, Bank, find_chromium, serve_resettable_bank
from tests.browser.os_input import Desk
from tests.browser.test_people import chromium_window

BROWSERS = ("chromium", *engines.ENGINES)
#: In Firefox and WebKit: those who use a mouse, and the three kinds that do without one at most sites.
COMMONEST = ("mouse", "short", "phone", "keyboard")
#: What a phone is in WebKitGTK, whose driver knows no touch on a desktop.
TAPLESS = "phone, a click in place of each tap"
CHOICES = ("once", "remember")
#: Tries if other work on this machine made a recorded hand late, or a browser slow to start.
TRIES = 4
_AT_DESK = ("mouse", "short", "keyboard")
# Ten visits take two minutes here and two weeks elsewhere, so no limit on messages an hour applies.
_OFTEN = {"ZEROTRUST_SMS_LIMITS": {"number": 1_000, "user": 1_000}}
CONFIG: dict[str, Any] = {"ZEROTRUST_NEW_BROWSER": "challenge", "RESEND_S": 0, **_OFTEN}


@dataclass(frozen=True, slots=True)
class Lab:
    """What all measurements share: Playwright, a headless Chromium and a screen."""

    playwright: Playwright
    chromium: Browser
    display: str

    @contextmanager
    def person(self, browser: str, kind: Kind) -> Iterator[Person]:
        """Give somebody of this kind a fresh browser."""
        if browser == "chromium" and kind.key not in ("mouse", "short"):
            with at_chromium(kind, self.chromium) as person:
                yield person
            return
        desk = Desk(self.display)
        with self._window(browser) as window:
            yield person_at(window, desk, kind)
        desk.close()

    @contextmanager
    def _window(self, browser: str) -> Iterator[Window]:
        with ExitStack() as opened:
            try:
                window = opened.enter_context(self._opening(browser))
            except Exception as error:  # each driver has errors of its own for a start that takes too long
                raise TooBusy(f"{browser} did not start: {error}") from error
            yield window

    @contextmanager
    def _opening(self, browser: str) -> Iterator[Window]:
        if browser != "chromium":
            with engines.ENGINES[browser](self.display) as eyes:
                yield eyes
            return
        path = str(find_chromium())
        with contextmanager(chromium_window)(self.playwright, path, self.display) as context:
            yield context.pages[0]


def person_at(window: Window, desk: Desk, kind: Kind) -> Person:
    """Return somebody at a window on the screen."""
    if kind.key == "phone":
        assert isinstance(window, engines.Firefox | engines.WebKit)
        window.resize(390, 844)
        return FirefoxTouch(window) if isinstance(window, engines.Firefox) else WebKitTouch(window)
    if kind.key == "keyboard":
        return AtDesk(window, desk)
    return Mouse(window, desk, seconds=SHORT_S) if kind.key == "short" else Mouse(window, desk)


@contextmanager
def lab() -> Iterator[Lab]:
    """Start what all measurements share."""
    with os_input.screen() as display, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), headless=True, args=list(FLAGS)
        )
        yield Lab(playwright, browser, display)
        browser.close()


@contextmanager
def fresh_bank() -> Iterator[Bank]:
    """Serve a bank that knows nobody, under a name in place of a number."""
    with TemporaryDirectory() as folder, serve_resettable_bank(Path(folder), **CONFIG) as bank:
        yield replace(bank, url=bank.url.replace("127.0.0.1", "localhost"))


def measure(lab: Lab, browser: str, kind: Kind, choice: str, *, visits: int) -> tuple[Visits, str]:
    """Return the visits of one person, and the name and version of their browser.

    Raises
    ------
    TooBusy
        If this machine never started the browser, or never moved the hand at the recorded times.
    """
    for attempt in range(TRIES):
        try:
            with fresh_bank() as bank, lab.person(browser, kind) as person:
                found = ten_visits(person, bank, choice=choice, visits=visits)
                window = person.window
                return found, window.browser if isinstance(window, Eyes) else ""
        except TooBusy as error:
            print(f"{browser} {kind.key} {choice}: {error}, try {attempt + 1} of {TRIES}", flush=True)
    raise TooBusy("tried in vain, run it again on an idle machine")


def entry(kind: Kind, choice: str, found: Visits, browser: str) -> dict[str, Any]:
    """Return what is kept of one person."""
    title = TAPLESS if kind.key == "phone" and browser.startswith("WebKit") else kind.title
    said = {"kind": kind.key, "title": title, "keeps": kind.keeps, "choice": choice}
    return {**said, **found.kept(), **kept.stamp(browser)}


def wanted(browser: str, kinds: Sequence[str]) -> Iterator[tuple[Kind, str]]:
    """Yield the kinds of people that a browser is measured for, with each choice they have."""
    for kind in KINDS:
        if kind.key not in kinds:
            continue
        if browser != "chromium" and kind.key not in COMMONEST:
            continue
        for choice in ("keyless",) if kind.key == "noscript" else CHOICES:
            yield kind, choice


def measure_all(
    browsers: Sequence[str], kinds: Sequence[str], *, visits: int, proof: bool, people: bool, file: Path
) -> list[str]:
    """Measure in the browsers that are named, or all; return what could not be measured.

    Raises
    ------
    ConfigError
        For a browser or a kind of people that there is not.
    """
    chosen = known(browsers or None, BROWSERS, "browser")
    wanted_kinds = known(kinds or None, [kind.key for kind in KINDS], "kind of people")
    with lab() as shared:
        if "chromium" in chosen and proof:
            with fresh_bank() as bank:
                kept.put(file, "proof", "chromium", measure_proof(shared.chromium, bank) | kept.stamp())
        return measure_people(shared, chosen, wanted_kinds, visits=visits, file=file) if people else []


def measure_people(
    shared: Lab, browsers: Sequence[str], kinds: Sequence[str], *, visits: int, file: Path
) -> list[str]:
    """Measure all people and keep their figures; return what could not be measured."""
    lacking = []
    for browser in browsers:
        for kind, choice in wanted(browser, kinds):
            try:
                found, version = measure(shared, browser, kind, choice, visits=visits)
            except Exception as error:  # each driver has errors of its own for a page that does not come
                lacking.append(f"{browser} {kind.key} {choice}: {error}")
                continue
            one = entry(kind, choice, found, version)
            kept.put(file, "people", f"{browser} {kind.key} {choice}", one)
            print(browser, kind.key, choice, found.kept(), flush=True)
    return lacking
