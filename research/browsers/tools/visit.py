"""One visit to the bank by a tool, up to the first view that is guarded."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from example_app.seed import PASSWORDS
from research.browsers.tools.hands import HIGH, WIDE, Hand
from tests.browser import os_input
from tests.browser.harness import Bank
from tests.browser.steps import STATUS

WHO = "ada"
#: How long the bank may take to answer, in seconds.
PATIENCE_S = 20.0
#: Between two reaches, in seconds: long enough to end a stroke.
REST_S = (0.25, 0.6)


@dataclass(frozen=True, slots=True)
class Run:
    """What the bank made of one visit: `moved` are the reaches that were asked of the tool."""

    moved: int
    stepped_up: bool
    level: str
    risk: float
    reasons: list[str]
    strokes: int

    def kept(self) -> dict[str, Any]:
        """Return it for the kept file."""
        return asdict(self)


def visit(hand: Hand, bank: Bank, *, reaches: int, seed: int) -> Run:
    """Log in, move about, send money, and say whether a code was asked for.

    With no reaches at all, nothing is done by pointer.
    """
    hand.goto(bank.url + "/login")
    if reaches:
        _by_pointer(hand, {"#username": WHO, "#password": PASSWORDS[WHO]})
        _arrive(hand, bank.url + "/login")
        _wander(hand, reaches, np.random.default_rng(seed))
        hand.click("a[href='/transfer']")
        _arrive(hand, bank.url + "/")
        _by_pointer(hand, {"#to": "grace", "#amount": "25.00"})
    else:
        _by_keyboard(hand, {"#username": WHO, "#password": PASSWORDS[WHO]})
        _arrive(hand, bank.url + "/login")
        hand.goto(bank.url + "/transfer")
        _by_keyboard(hand, {"#to": "grace", "#amount": "25.00"})
    end = _arrive(hand, bank.url + "/transfer")
    return _told(hand, reaches, _asked(end, bank))


def _asked(end: str, bank: Bank) -> bool:
    """Read from its address what the bank answered; anything but these two is no measurement."""
    if "/zerotrust/challenge/" in end:
        return True
    if end == bank.url + "/":
        return False
    raise RuntimeError(f"the transfer ended at {end}, neither sent nor challenged")


def _told(hand: Hand, reaches: int, asked: bool) -> Run:
    said = hand.evaluate(f"({STATUS})()")
    return Run(
        moved=reaches,
        stepped_up=asked,
        level=said["level"],
        risk=round(float(said["risk"]), 4),
        reasons=sorted(said["reasons"]),
        strokes=int(said["strokes"]),
    )


def _by_pointer(hand: Hand, fields: dict[str, str]) -> None:
    for selector, text in fields.items():
        hand.click(selector)
        hand.type(text)
    hand.click("main form button[type=submit]")


def _by_keyboard(hand: Hand, fields: dict[str, str]) -> None:
    for selector, text in fields.items():
        hand.enter(selector, text)
    hand.submit(selector)


def _wander(hand: Hand, reaches: int, rng: np.random.Generator) -> None:
    """Reach for random places, and click now and then where nothing is."""
    for i in range(reaches):
        x, y = float(rng.uniform(60, WIDE - 60)), float(rng.uniform(60, HIGH - 60))
        hand.move((x, y))
        (free,) = hand.evaluate(f"({os_input.EMPTY_GROUND})([[{x}, {y}]])")
        if free and i % 3 == 2:
            hand.press()
        time.sleep(float(rng.uniform(*REST_S)))


def _arrive(hand: Hand, leaving: str) -> str:
    """Wait until another page is there, and return its address."""
    deadline = time.monotonic() + PATIENCE_S
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            there, state = hand.evaluate("[location.href, document.readyState]")
            # Firefox shows an empty page in between.
            if there not in (leaving, "about:blank") and state == "complete":
                return str(there)
        except Exception as error:  # each tool has its own for a page that goes while it is asked
            last = error
        time.sleep(0.05)
    raise RuntimeError(f"nothing came after {leaving}") from last
