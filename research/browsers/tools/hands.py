"""What every tool has to offer: a hand that moves, clicks and types in a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tests.browser.movers import Point

#: Size of the page, in CSS pixels.
WIDE, HIGH = 1280, 800
#: Between two keys, as the tools' own examples have it.
KEY_PAUSE_S = 0.06


class Hand(Protocol):
    """One visitor with a browser of its own, moved by a tool in that tool's own way."""

    def goto(self, url: str) -> None:
        """Open a page and wait until it is there."""

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is waited for."""

    def move(self, to: Point) -> None:
        """Move the pointer there."""

    def press(self) -> None:
        """Press and let go of the button where the pointer is."""

    def click(self, selector: str) -> None:
        """Click an element."""

    def type(self, text: str) -> None:
        """Type where the focus is."""

    def enter(self, selector: str, text: str) -> None:
        """Put text into a field without a pointer."""

    def submit(self, selector: str) -> None:
        """Send the form that a field is in, without a pointer."""


class MissingError(Exception):
    """A tool cannot be run here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool in one way of use.

    Attributes
    ----------
    key, title, movement : str
        Its name in the kept file, for people, and how it moves.
    open : callable
        Takes Chromium's path and a seed; a context manager of a fresh visitor. Raises `MissingError`.
    versions : callable
        What was used, by name.
    browser : str
        Name of the browser where it is not Chromium.
    """

    key: str
    title: str
    movement: str
    open: Callable[[str, int], AbstractContextManager[Hand]]
    versions: Callable[[], dict[str, str]]
    browser: str = ""


def middle(hand: Hand, selector: str) -> Point:
    """Return the middle of an element, brought into sight."""
    x, y = hand.evaluate(
        f"""(() => {{
          const found = document.querySelector({json.dumps(selector)});
          found.scrollIntoView({{block: "nearest"}});
          const box = found.getBoundingClientRect();
          return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
    )
    return float(x), float(y)


def inside(at: Point) -> Point:
    """Return the nearest point that the page has."""
    return min(max(at[0], 1.0), WIDE - 2.0), min(max(at[1], 1.0), HIGH - 2.0)
