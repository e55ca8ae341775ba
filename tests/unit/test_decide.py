"""One decision: a standing and a view's terms in, allowed or not and why out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_zerotrust.risk.level import Decision, Standing, Terms, decide

LEVELS = ("unknown", "low", "elevated", "high")


def terms(**changes: Any) -> Terms:
    return Terms(**{"max_risk": 0.9, "grant_s": 300.0, "unknown_grant_s": 1_800.0, **changes})


@pytest.mark.parametrize("level", ["low", "elevated"])
def test_movement_below_the_limit_runs_the_view(level: Any) -> None:
    assert decide(Standing(level=level, value=0.4), terms()) == Decision(True, "risk")


@pytest.mark.parametrize(("value", "allowed"), [(0.299, True), (0.3, True), (0.301, False)])
def test_the_views_own_limit_is_the_highest_risk_it_takes(value: float, allowed: bool) -> None:
    decision = decide(Standing(level="low", value=value), terms(max_risk=0.3))
    assert decision == Decision(allowed, "risk" if allowed else "above_max_risk")


def test_a_high_session_is_asked_even_where_the_limit_is_one() -> None:
    assert decide(Standing(level="high", value=0.95), terms(max_risk=1.0)) == Decision(False, "high")


def test_no_evidence_is_not_good_evidence() -> None:
    assert decide(Standing(), terms(max_risk=1.0)) == Decision(False, "unknown")


@pytest.mark.parametrize(("age", "allowed"), [(0.0, True), (300.0, True), (300.1, False)])
def test_a_grant_answers_everything_while_it_is_young(age: float, allowed: bool) -> None:
    worst = Standing(level="high", value=0.99, latched=True, grant_age_s=age)
    assert decide(worst, terms(always=True)).allowed is allowed


@pytest.mark.parametrize(("age", "allowed"), [(1_800.0, True), (1_800.1, False)])
def test_a_session_without_movement_has_its_own_longer_grant(age: float, allowed: bool) -> None:
    assert decide(Standing(grant_age_s=age), terms()).allowed is allowed


def test_the_longer_grant_is_no_help_against_a_latch() -> None:
    assert decide(Standing(latched=True, grant_age_s=400.0), terms()) == Decision(False, "latched")


def test_the_longer_grant_is_for_the_unknown_only() -> None:
    assert decide(Standing(level="high", value=0.95, grant_age_s=400.0), terms()) == Decision(False, "high")


def test_the_longer_grant_is_no_help_where_a_code_is_always_wanted() -> None:
    assert decide(Standing(grant_age_s=400.0), terms(always=True)) == Decision(False, "always")


def test_always_ignores_good_movement() -> None:
    assert decide(Standing(level="low", value=0.01), terms(always=True)) == Decision(False, "always")


def test_a_latch_stays_whatever_good_movement_follows() -> None:
    assert decide(Standing(level="low", value=0.01, latched=True), terms()) == Decision(False, "latched")


standings = st.builds(
    Standing,
    level=st.sampled_from(LEVELS),
    value=st.floats(0, 1),
    latched=st.booleans(),
    grant_age_s=st.none() | st.floats(0, 5_000),
)


@given(standing=standings, limits=st.tuples(st.floats(0, 1), st.floats(0, 1)), always=st.booleans())
def test_a_stricter_limit_never_lets_more_through(
    standing: Standing, limits: tuple[float, float], always: bool
) -> None:
    strict, loose = sorted(limits)
    if decide(standing, terms(max_risk=strict, always=always)).allowed:
        assert decide(standing, terms(max_risk=loose, always=always)).allowed


@given(standing=standings, always=st.booleans())
def test_only_a_grant_or_known_unlatched_movement_opens_a_view(standing: Standing, always: bool) -> None:
    if standing.grant_age_s is None and decide(standing, terms(always=always)).allowed:
        assert standing.level in ("low", "elevated")
        assert not standing.latched
        assert not always
