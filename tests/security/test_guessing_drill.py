"""Row 14: a month of guessing keeps no owner out of a known browser, and seldom comes to anything."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from flask_zerotrust.challenge.limits import ACCOUNT_FAILURES, ALARM_FAILURES
from tests.security.drill import DAY_S, Drill, chance, drill, guesses_a_year, lines

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


@pytest.fixture(scope="module")
def month() -> Drill:
    return drill()


def test_the_owner_in_a_known_browser_or_with_a_passkey_waits_for_a_minute_at_most(month: Drill) -> None:
    assert len(month.known.refused_s) == len(month.passkey.refused_s) == 30
    assert month.known.longest_s <= 60
    assert month.passkey.longest_s <= 60


def test_another_user_behind_the_attackers_address_waits_for_a_minute_at_most(month: Drill) -> None:
    assert month.neighbour.longest_s <= 60


def test_a_month_of_guessing_comes_to_fifty_guesses(month: Drill) -> None:
    assert month.guesses == ACCOUNT_FAILURES == 50


def test_what_the_page_names_opens_the_account_in_a_new_browser(month: Drill) -> None:
    assert month.opened_by == ["recovery code", "passkey", "unlock"]


def test_the_owner_hears_of_the_guesses_at_once_and_once_a_day(month: Drill) -> None:
    times = [at for at, event in month.told if event == "wrong-codes"]
    others = [event for _, event in month.told if event != "wrong-codes"]
    assert others == ["recovery-code-used", "unlocked"], "what opened the account"
    assert times[0] - month.begun < 60
    assert min(b - a for a, b in pairwise(times)) >= DAY_S
    assert ALARM_FAILURES == 3


def test_the_chance_follows_from_the_limits() -> None:
    assert guesses_a_year() == pytest.approx(608.3, abs=0.1)
    assert chance(guesses_a_year(), 3) == pytest.approx(0.001823, abs=1e-6)


def test_the_page_on_security_says_what_the_drill_says(month: Drill) -> None:
    assert "\n".join(lines(month)) in PAGE.read_text(encoding="utf-8")
