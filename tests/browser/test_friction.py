"""The count of codes counts: one in a remembered browser, and no visit that failed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from research.browsers import friction_people
from research.browsers.friction import fresh_bank
from research.browsers.friction_people import KINDS, at_chromium
from research.browsers.friction_visits import Visit, act, log_in, ten_visits

from .harness import Bank

KEYBOARD = next(kind for kind in KINDS if kind.key == "keyboard")


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    with fresh_bank() as running:
        yield running


@pytest.mark.slow
def test_a_remembered_browser_is_asked_in_the_first_visit_only(browser: Browser, bank: Bank) -> None:
    with at_chromium(KEYBOARD, browser) as person:
        found = ten_visits(person, bank, choice="remember", visits=2).kept()
    assert (found["codes"], found["asked_later"], found["state"]) == ([1, 0], 0, ["known", "known"])


@pytest.mark.slow
def test_an_action_that_the_bank_refuses_is_an_error(browser: Browser, bank: Bank) -> None:
    """It would otherwise be a visit without a code."""
    with at_chromium(KEYBOARD, browser) as person:
        log_in(person, bank)
        with pytest.raises(AssertionError, match="Nothing was sent yet"):
            act(person, bank, Visit(), choice="once", amount=0)


def test_no_part_of_a_recording_is_played_twice(shared_data: Path) -> None:
    parts = list(friction_people.slices(friction_people.LONG_S))
    assert len(parts) >= 11
    assert len({(part.x.tobytes(), part.y.tobytes()) for part in parts}) == len(parts)
    for part in parts:
        buttons = part.type.replace("m", "")
        assert buttons == "du" * (len(buttons) // 2)
        assert np.all(np.diff(part.t_s) >= 0)
