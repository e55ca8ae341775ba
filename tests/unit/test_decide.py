"""One decision: a standing and a view's terms in, allowed or not and why out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_zerotrust.risk.level import Decision, Standing, Terms, decide, would_prove

LEVELS = ("unknown", "low", "elevated", "high")


def terms(**changes: Any) -> Terms:
    return Terms(**{"max_risk": 0.9, "grant_s": 300.0, "keyless_s": 1_800.0, **changes})


def earning(**changes: Any) -> Terms:
    """Return the terms of a site where good movement opens views."""
    return terms(movement_earns=True, **changes)


# A browser that has proven nothing


@pytest.mark.parametrize("level", ["unknown", "low", "elevated"])
def test_no_movement_opens_a_view_in_a_new_browser(level: Any) -> None:
    assert decide(Standing(level=level, value=0.01), terms()) == Decision(False, "new_browser")


@pytest.mark.parametrize("level", ["low", "elevated"])
def test_good_movement_opens_it_if_the_site_says_so(level: Any) -> None:
    assert decide(Standing(level=level, value=0.4), earning()) == Decision(True, "risk")


def test_no_evidence_is_not_good_evidence() -> None:
    assert decide(Standing(), earning(max_risk=1.0)) == Decision(False, "unknown")


# Grants


@pytest.mark.parametrize(("age", "allowed"), [(0.0, True), (300.0, True), (300.1, False)])
def test_a_grant_answers_everything_while_it_is_young(age: float, allowed: bool) -> None:
    worst = Standing(level="high", value=0.99, latched=True, grant_age_s=age, keyless=True)
    assert decide(worst, terms(always=True)).allowed is allowed


@pytest.mark.parametrize(("age", "allowed"), [(1_800.0, True), (1_800.1, False)])
@pytest.mark.parametrize("level", ["unknown", "low", "elevated"])
def test_a_browser_without_a_key_has_a_longer_grant(level: Any, age: float, allowed: bool) -> None:
    keyless = Standing(level=level, value=0.2, grant_age_s=age, keyless=True)
    assert decide(keyless, terms()).allowed is allowed


def test_a_browser_with_a_key_has_no_longer_grant() -> None:
    assert decide(Standing(grant_age_s=400.0), terms()) == Decision(False, "new_browser")


# Proofs


@pytest.mark.parametrize(("age", "allowed"), [(0.0, True), (300.0, True), (300.1, False)])
@pytest.mark.parametrize("level", ["unknown", "low", "elevated"])
def test_a_fresh_proof_opens_a_view_whatever_moves(level: Any, age: float, allowed: bool) -> None:
    decision = decide(Standing(level=level, value=0.2, proof_age_s=age), terms())
    assert decision == Decision(allowed, "proof" if allowed else "new_browser")


TRUSTED = [
    pytest.param({"proof_age_s": 0.0}, id="proof"),
    pytest.param({"grant_age_s": 400.0, "keyless": True}, id="keyless"),
]


@pytest.mark.parametrize("trusted", TRUSTED)
@pytest.mark.parametrize(
    ("standing", "reason"),
    [({"latched": True}, "latched"), ({"level": "high", "value": 0.95}, "high")],
)
def test_movement_takes_away_what_was_proven(trusted: Any, standing: Any, reason: Any) -> None:
    assert decide(Standing(**trusted, **standing), terms(max_risk=1.0)) == Decision(False, reason)


@pytest.mark.parametrize("trusted", TRUSTED)
@pytest.mark.parametrize(("value", "asked"), [(0.299, False), (0.3, False), (0.301, True)])
def test_the_views_own_limit_is_the_highest_risk_it_takes(trusted: Any, value: float, asked: bool) -> None:
    decision = decide(Standing(level="low", value=value, **trusted), terms(max_risk=0.3))
    assert (not decision.allowed) is asked
    assert (decision.reason == "above_max_risk") is asked


@pytest.mark.parametrize("trusted", TRUSTED)
def test_a_view_with_a_limit_of_its_own_asks_the_unknown(trusted: Any) -> None:
    assert decide(Standing(**trusted), terms(wants_movement=True)) == Decision(False, "unknown")
    assert decide(Standing(**trusted), terms()).allowed


@pytest.mark.parametrize("trusted", TRUSTED)
def test_where_a_code_is_always_wanted_nothing_else_helps(trusted: Any) -> None:
    assert decide(Standing(level="low", value=0.01, **trusted), terms(always=True)) == Decision(
        False, "always"
    )


# What holds of all of them

standings = st.builds(
    Standing,
    level=st.sampled_from(LEVELS),
    value=st.floats(0, 1),
    latched=st.booleans(),
    grant_age_s=st.none() | st.floats(0, 5_000),
    proof_age_s=st.none() | st.floats(0, 5_000),
    keyless=st.booleans(),
)
conditions = st.builds(
    terms,
    max_risk=st.floats(0, 1),
    always=st.booleans(),
    wants_movement=st.booleans(),
    movement_earns=st.booleans(),
)


@given(standing=standings, limits=st.tuples(st.floats(0, 1), st.floats(0, 1)), view=conditions)
def test_a_stricter_limit_never_lets_more_through(
    standing: Standing, limits: tuple[float, float], view: Terms
) -> None:
    strict, loose = sorted(limits)
    if decide(standing, replace(view, max_risk=strict)).allowed:
        assert decide(standing, replace(view, max_risk=loose)).allowed


@given(standing=standings, view=conditions)
def test_no_movement_opens_a_view_without_a_grant_or_a_proof(standing: Standing, view: Terms) -> None:
    """The rule of known browsers: movement keeps trust, it never earns it."""
    unproven = replace(standing, grant_age_s=None, proof_age_s=None)
    assert not decide(unproven, replace(view, movement_earns=False)).allowed


@given(standing=standings, view=conditions)
def test_where_movement_earns_it_has_to_be_known_and_unlatched(standing: Standing, view: Terms) -> None:
    unproven = replace(standing, grant_age_s=None, proof_age_s=None)
    if decide(unproven, replace(view, movement_earns=True)).allowed:
        assert standing.level in ("low", "elevated")
        assert not standing.latched
        assert not view.always


@given(standing=standings, view=conditions)
def test_a_proof_would_help_only_where_it_does(standing: Standing, view: Terms) -> None:
    proven = decide(replace(standing, proof_age_s=0.0), view)
    assert would_prove(standing, view) is proven.allowed
