"""Kinds of people at the bank: each presses, fills in and moves in a way of its own.

Keyboard, touch and assistive software are those of Playwright or of the browser's own protocol. Mice are
recorded people at an X server, because movement that a script makes is *high* sooner or later.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page

from flask_zerotrust.recordings.datasets import SAPIMOUSE_HELD_OUT, sapimouse
from tests.browser import os_input
from tests.browser.engines import Eyes, Firefox, WebKit
from tests.browser.harness import ROOT
from tests.browser.os_input import Desk
from tests.browser.test_people import CORNER, SETTLE_S

#: Between two keys, in seconds.
KEY_PAUSE_S = 0.03
#: A recorded person at a desk, whom no model has seen.
RECORDED = SAPIMOUSE_HELD_OUT[0]
#: Movement of one visit, in seconds: about six strokes, and one.
LONG_S, SHORT_S = 7.0, 1.0
_MOST_TABS = 40
# Of one field by the X server's keys, and how long the last of them may be on its way, in seconds.
_TRIES, _TYPED_S = 3, 3.0
_FOCUSED = "s => document.activeElement.matches(s)"
_HOLDS = "([s, v]) => document.querySelector(s).value === v"
_SET = """([s, v]) => {
  const field = document.querySelector(s);
  field.focus();
  field.value = v;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}"""
_MIDDLE = """s => {
  const element = document.querySelector(s);
  element.scrollIntoView({ block: "center", behavior: "instant" });
  const box = element.getBoundingClientRect();
  return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
}"""

Window = Page | Eyes


class TooBusy(Exception):
    """This machine could not move the pointer at the recorded times."""


class Person:
    """Somebody with one browser; ``pages`` are the tabs that they use."""

    #: Whether scripts run, so that the browser can keep a key.
    scripts = True

    def __init__(self, window: Window) -> None:
        self.window = window

    @property
    def page(self) -> Window:
        """The tab in front."""
        return self.window

    def tabs(self, url: str) -> Iterator[Window]:
        """Yield each tab from which an action is sent, with the form loaded in all of them."""
        self.page.goto(url)
        yield self.page

    def begin(self) -> None:
        """Open the browser."""

    def end(self) -> None:
        """Close it again."""

    def move(self) -> None:
        """Move the pointer before the form is filled in."""

    def press(self, selector: str) -> None:
        """Use a link or a button."""
        raise NotImplementedError

    def fill(self, selector: str, text: str) -> None:
        """Put text into an empty field."""
        raise NotImplementedError


class Typist(Person):
    """The keyboard alone: the Tab key, letters and Enter."""

    def press(self, selector: str) -> None:
        """Walk there and press Enter."""
        self._tab_to(selector)
        self._key("Enter")

    def fill(self, selector: str, text: str) -> None:
        """Walk there and type."""
        self._tab_to(selector)
        self._type(text)

    def _tab_to(self, selector: str) -> None:
        for _ in range(_MOST_TABS):
            if self.page.evaluate(_FOCUSED, selector):
                return
            self._key("Tab")
        raise AssertionError(f"the Tab key does not reach {selector} on {self.page.url}")

    def _key(self, name: str) -> None:
        assert isinstance(self.page, Page)
        self.page.keyboard.press(name)

    def _type(self, text: str) -> None:
        assert isinstance(self.page, Page)
        self.page.keyboard.type(text, delay=1e3 * KEY_PAUSE_S)


class TwoTabs(Typist):
    """The form open in two tabs, and an action from each."""

    def begin(self) -> None:
        """Keep the first tab only."""
        assert isinstance(self.window, Page)
        self._front = self.window
        for page in self.window.context.pages[1:]:
            page.close()

    @property
    def page(self) -> Window:
        """The tab in front."""
        return self._front

    def tabs(self, url: str) -> Iterator[Window]:
        """Load both before anything is sent."""
        assert isinstance(self.window, Page)
        both = [self.window, self.window.context.new_page()]
        for page in both:
            page.goto(url)
        for page in both:
            page.bring_to_front()
            self._front = page
            yield page


class Clicks(Person):
    """A mouse that jumps, which makes no stroke."""

    def press(self, selector: str) -> None:
        """Click."""
        assert isinstance(self.page, Page)
        self.page.click(selector)

    def fill(self, selector: str, text: str) -> None:
        """Click into the field and type."""
        self.press(selector)
        assert isinstance(self.page, Page)
        self.page.keyboard.type(text, delay=1e3 * KEY_PAUSE_S)


class NoScript(Clicks):
    """A browser in which scripts do not run."""

    scripts = False


class PrivateWindow(Clicks):
    """A window that forgets everything when it closes, after each visit."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._context: BrowserContext | None = None

    def begin(self) -> None:
        """Open a window."""
        self._context = self._browser.new_context()
        self.window = self._context.new_page()

    def end(self) -> None:
        """Close it."""
        assert self._context is not None
        self._context.close()


class Touch(Clicks):
    """A finger, on a screen as small as a phone's."""

    def press(self, selector: str) -> None:
        """Tap."""
        assert isinstance(self.page, Page)
        self.page.tap(selector)


class Assistive(Person):
    """Software that speaks the page and activates elements: no pointer event, no key event."""

    def press(self, selector: str) -> None:
        """Activate the element, as the default action of the accessibility tree does."""
        self.page.evaluate("s => document.querySelector(s).click()", selector)

    def fill(self, selector: str, text: str) -> None:
        """Set the value."""
        self.page.evaluate(_SET, [selector, text])


class AtDesk(Typist):
    """The X server's keyboard, in any browser."""

    def __init__(self, window: Window, desk: Desk) -> None:
        super().__init__(window)
        self.desk = desk
        self._clicked = False

    def fill(self, selector: str, text: str) -> None:
        """Click beside the first form: a new window types into its address bar."""
        if not self._clicked:
            self._click_page()
        for _ in range(_TRIES):
            super().fill(selector, text)
            if in_time(lambda: self.page.evaluate(_HOLDS, [selector, text]), _TYPED_S):
                return
            self._erase(selector)
        raise AssertionError(f"{text!r} does not arrive in {selector} on {self.page.url}")

    def _erase(self, selector: str) -> None:
        """Take away what a busy machine made of the keys: lost or repeated letters."""
        self._key("End")
        for _ in range(self.page.evaluate("s => document.querySelector(s).value.length", selector)):
            self._key("BackSpace")

    def _click_page(self) -> None:
        self.page.evaluate("addEventListener('pointerup', () => (window.wasClicked = true), true)")
        for _ in range(20):
            self.desk.click(*CORNER)
            time.sleep(SETTLE_S)
            if self.page.evaluate("!!window.wasClicked"):
                self._clicked = True
                return
        raise AssertionError("no click reaches the page")

    def _key(self, name: str) -> None:
        with os_input.at_once():  # a key that is held for too long repeats itself
            self.desk.press({"Enter": "Return"}.get(name, name))

    def _type(self, text: str) -> None:
        with os_input.at_once():
            self.desk.type(text)


class Mouse(AtDesk):
    """A recorded hand that moves over the form, another part of the recording at each visit."""

    def __init__(self, window: Window, desk: Desk, *, seconds: float = LONG_S) -> None:
        super().__init__(window, desk)
        self.seconds = seconds
        self._slices = slices(seconds)

    def move(self) -> None:
        """Replay the next part of the recording; presses only where they press nothing."""
        path, page = next(self._slices), self.page
        bar = page.bar_px if isinstance(page, Eyes) else 0
        empty = page.evaluate(os_input.EMPTY_GROUND, [[x, y - bar] for x, y in path.presses()])
        late_s = self.desk.replay(path.without_presses([not free for free in empty]))
        if not os_input.on_time(late_s):
            raise TooBusy(f"events were late by {1e3 * float(np.median(late_s)):.1f} ms in the median")
        if isinstance(page, Eyes):
            self.desk.rest(*CORNER)  # keys go to what is under the pointer


def in_time(done: Callable[[], object], patience_s: float) -> bool:
    """Return whether it is done in time; a page that goes while it is asked is asked again."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        try:
            if done():
                return True
        except Exception:  # each browser has errors of its own for a page that goes
            pass
        time.sleep(0.03)
    return False


@cache
def _recorded() -> os_input.Path:
    data = Path(os.environ.get("ZEROTRUST_TEST_DATA") or ROOT.parent / "shared" / "data")
    sessions = [one for one in sapimouse(data / "sapimouse-users1-72.tar.xz") if one.user == RECORDED]
    return os_input.place(max(sessions, key=lambda one: len(one.t)))


def slices(seconds: float) -> Iterator[os_input.Path]:
    """Yield parts of the long recording, one after another: nobody moves twice alike."""
    path = _recorded()
    for number in range(int(path.t_s[-1] / seconds)):
        first, last = np.searchsorted(path.t_s, [number * seconds, (number + 1) * seconds])
        letters = _closed(path.type[first:last])
        if letters:
            t_s = path.t_s[first:last] - path.t_s[first]
            yield os_input.Path(t_s, path.x[first:last], path.y[first:last], letters)


def _closed(letters: str) -> str:
    """Return the events without a release or a press whose other half is in another part."""
    found = list(letters)
    first_press, last_press = letters.find("d"), letters.rfind("d")
    first_release = letters.find("u")
    if first_release >= 0 and (first_press < 0 or first_release < first_press):
        found[first_release] = "m"
    if last_press > letters.rfind("u"):
        found[last_press] = "m"
    return "".join(found)


class FirefoxTouch(Person):
    """A finger, by Firefox's own protocol: the desktop's layout, but the events of a touch."""

    def __init__(self, window: Firefox) -> None:
        super().__init__(window)
        self.firefox = window

    def press(self, selector: str) -> None:
        """Tap."""
        x, y = self.firefox.evaluate(_MIDDLE, selector)
        tap = [{"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0}]
        actions = [*tap, {"type": "pause", "duration": 60}, {"type": "pointerUp", "button": 0}]
        finger = {"type": "pointer", "id": "finger", "parameters": {"pointerType": "touch"}}
        self.firefox.act([finger | {"actions": actions}])

    def fill(self, selector: str, text: str) -> None:
        """Tap into the field and type."""
        self.press(selector)
        keys: list[dict[str, Any]] = []
        for letter in text:
            keys += [{"type": "keyDown", "value": letter}, {"type": "keyUp", "value": letter}]
            keys += [{"type": "pause", "duration": int(1e3 * KEY_PAUSE_S)}]
        self.firefox.act([{"type": "key", "id": "keys", "actions": keys}])


class WebKitTouch(Person):
    """A press where the finger is, by WebKit's own driver, which knows no touch on a desktop."""

    def __init__(self, window: WebKit) -> None:
        super().__init__(window)
        self.driver = window.driver

    def press(self, selector: str) -> None:
        """Press without moving there."""
        self.driver.find_element("css selector", selector).click()

    def fill(self, selector: str, text: str) -> None:
        """Press into the field and type."""
        self.press(selector)
        self.driver.find_element("css selector", selector).send_keys(text)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of people: its key in the kept file, and whether its browser keeps storage."""

    key: str
    title: str
    keeps: bool = True


KINDS: Sequence[Kind] = (
    Kind("mouse", "mouse, a recorded hand"),
    Kind("short", "mouse, 0 to 2 strokes"),
    Kind("phone", "phone (touch)"),
    Kind("keyboard", "keyboard only"),
    Kind("assistive", "no pointer and no keys, as with a screen reader"),
    Kind("tabs", "two tabs, an action in each"),
    Kind("private", "private window, closed after each visit", keeps=False),
    Kind("noscript", "no script", keeps=False),
)


_PEOPLE: dict[str, type[Person]] = {
    "phone": Touch,
    "keyboard": Typist,
    "assistive": Assistive,
    "tabs": TwoTabs,
    "noscript": NoScript,
}
_CONTEXTS: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "noscript": {"java_script_enabled": False},
}


@contextmanager
def at_chromium(kind: Kind, browser: Browser) -> Iterator[Person]:
    """Open a headless Chromium for a kind of people that needs no recorded hand."""
    if kind.key == "private":
        yield PrivateWindow(browser)
        return
    context = browser.new_context(**_CONTEXTS.get(kind.key, {}))
    yield _PEOPLE[kind.key](context.new_page())
    context.close()
