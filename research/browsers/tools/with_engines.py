"""Other browsers, automated: Firefox by WebDriver BiDi, WebKit by Selenium; by jumps, and along curves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from research.browsers.tools.hands import HIGH, WIDE, Hand, Tool, inside, middle
from research.browsers.tools.with_selenium import STEP_MS, InSteps, Selenium
from tests.browser import engines, movers, os_input
from tests.browser.movers import Point

if TYPE_CHECKING:
    from tests.browser.engines import Firefox

# What Selenium takes for a move by itself, in ms.
_MOVE_MS = 250
_KEY_MS = 60
_ENTER = "\ue007"


class BiDi:
    """Firefox's own moves and clicks: one jump each, after a quarter of a second."""

    def __init__(self, firefox: Firefox, seed: int) -> None:
        self.firefox = firefox
        self.rng = np.random.default_rng(seed)
        self.at: Point = (0.0, 0.0)

    def goto(self, url: str) -> None:
        self.firefox.goto(url)

    def evaluate(self, expression: str) -> Any:
        return self.firefox.evaluate(expression)

    def move(self, to: Point) -> None:
        self._point([_to(to, _MOVE_MS)])
        self.at = to

    def press(self) -> None:
        self._point([_DOWN, _UP])

    def click(self, selector: str) -> None:
        self.move(middle(self, selector))
        self.press()

    def type(self, text: str) -> None:
        keys: list[dict[str, Any]] = []
        for letter in text:
            keys += [
                {"type": "keyDown", "value": letter},
                {"type": "keyUp", "value": letter},
                _pause(_KEY_MS),
            ]
        self.firefox.act([{"type": "key", "id": "keys", "actions": keys}])

    def enter(self, selector: str, text: str) -> None:
        self.evaluate(f"document.querySelector({selector!r}).focus()")
        self.type(text)

    def submit(self, selector: str) -> None:
        self.evaluate(f"document.querySelector({selector!r}).focus()")
        self.type(_ENTER)

    def _point(self, actions: list[dict[str, Any]]) -> None:
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}}
        self.firefox.act([mouse | {"actions": actions}])


class BiDiInSteps(BiDi):
    """Curves as chains of small moves, and buttons that are held."""

    def move(self, to: Point) -> None:
        self._point([_to(inside(at), STEP_MS) for at, _ in movers.bezier(self.at, to, self.rng)])
        self.at = to

    def press(self) -> None:
        before, held = (int(1e3 * self.rng.uniform(*span)) for span in ((0.08, 0.25), (0.06, 0.13)))
        self._point([_pause(before), _DOWN, _pause(held), _UP])


class InWebKit(Selenium):
    """Selenium's own moves and clicks."""

    def submit(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).send_keys(_ENTER)


class InWebKitInSteps(InSteps, InWebKit):
    """Curves as chains of small moves, and buttons that are held."""


_DOWN, _UP = ({"type": f"pointer{way}", "button": 0} for way in ("Down", "Up"))


def _pause(ms: int) -> dict[str, Any]:
    return {"type": "pause", "duration": ms}


def _to(at: Point, ms: int) -> dict[str, Any]:
    return {"type": "pointerMove", "x": round(at[0]), "y": round(at[1]), "duration": ms}


@contextmanager
def _bidi(kind: type[BiDi], seed: int) -> Iterator[Hand]:
    with os_input.screen() as display, engines.firefox(display) as firefox:
        firefox.resize(WIDE, HIGH)
        yield kind(firefox, seed)


@contextmanager
def _webkit(kind: type[Selenium], seed: int) -> Iterator[Hand]:
    with os_input.screen() as display, engines.webkit(display) as webkit:
        webkit.resize(WIDE, HIGH)
        yield kind(webkit.driver, seed)


def _selenium() -> dict[str, str]:
    import selenium

    return {"selenium": selenium.__version__, "webkit": engines.version("webkit")}


def _firefox() -> dict[str, str]:
    return {"firefox": engines.version("firefox")}


_OWN, _STEPS = "the protocol's own moves and clicks", "curves in small steps, held buttons"
_BIDI, _SELENIUM = "Firefox, WebDriver BiDi", "WebKitGTK, Selenium"
TOOLS = (
    Tool("firefox", _BIDI, _OWN, lambda _, seed: _bidi(BiDi, seed), _firefox, "Firefox"),
    Tool("firefox-steps", _BIDI, _STEPS, lambda _, seed: _bidi(BiDiInSteps, seed), _firefox, "Firefox"),
    Tool("webkit", _SELENIUM, _OWN, lambda _, seed: _webkit(InWebKit, seed), _selenium, "WebKitGTK"),
    Tool(
        "webkit-steps",
        _SELENIUM,
        _STEPS,
        lambda _, seed: _webkit(InWebKitInSteps, seed),
        _selenium,
        "WebKitGTK",
    ),
)
