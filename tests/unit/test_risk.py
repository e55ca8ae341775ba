"""How evidence adds up, fades and becomes a level; both sides of every threshold."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_zerotrust.identity.evidence import CAP_OTHER, CAP_OWNER, Identity
from flask_zerotrust.movement import Integrity, Manner, session_features
from flask_zerotrust.replay.evidence import Hit, Replayed
from flask_zerotrust.risk.level import OTHER_PRIOR_LOG_ODDS, Policy, RiskState, decay, level, update, value

HALF_LIFE_S = 900.0
NOTHING = RiskState()
POLICY = Policy(
    temper=0.5,
    early_at=0.3,
    elevated_at=0.4,
    unclear_at=0.6,
    high_at=0.9,
    early_high_at=0.97,
    window_high_at=2.5,
)
log_odds = st.lists(st.floats(-30, 30), max_size=40)


def after(*strokes, policy=POLICY, state=NOTHING, now=0.0):
    return update(state, strokes, now=now, half_life_s=HALF_LIFE_S, policy=policy)


def at_risk(risk, *, strokes=10.0):
    """Return a state of so many strokes and exactly this risk."""
    return RiskState(log_odds=math.log(risk / (1 - risk)), weight=strokes)


def test_nothing_is_unknown():
    assert level(RiskState(), POLICY) == "unknown"
    assert value(RiskState(), POLICY) == 0.5


def test_evidence_is_tempered_and_summed():
    assert after(-1.0, -2.0).log_odds == pytest.approx(-1.5)
    assert after(-1.0, -2.0).weight == 2.0


def test_drift_makes_movement_that_speaks_for_nobody_suspicious():
    wary = replace(POLICY, drift=1.0)
    assert after(*[0.0] * 10, policy=wary).log_odds == pytest.approx(5.0)
    assert level(after(*[0.0] * 10, policy=wary), wary) == "high"


def test_one_stroke_can_only_say_so_much():
    assert after(-100.0).log_odds == pytest.approx(-POLICY.stroke_cap_person * 0.5)
    assert after(100.0).log_odds == pytest.approx(POLICY.stroke_cap_bot * 0.5)


def test_good_movement_cannot_be_hoarded():
    assert after(*[-3.0] * 100).log_odds == -POLICY.session_cap_person
    assert POLICY.session_cap_person < POLICY.session_cap_bot


def test_bad_strokes_after_many_good_ones_end_high():
    assert level(after(*[-3.0] * 100, *[4.0] * 5), POLICY) == "high"


def test_drowning_bad_strokes_in_good_ones_leaves_the_worst_window():
    drowned = after(*[4.0] * 5, *[-3.0] * 100)
    assert value(drowned, POLICY) < 0.1
    assert level(drowned, POLICY) == "high"


@pytest.mark.parametrize(
    ("risk", "expected"),
    [
        (0.399, "low"),
        (0.401, "elevated"),
        (0.599, "elevated"),
        (0.601, "unknown"),
        (0.899, "unknown"),
        (0.901, "high"),
    ],
)
def test_levels_on_both_sides_of_every_cut(risk, expected):
    assert level(at_risk(risk), POLICY) == expected


@pytest.mark.parametrize(
    ("strokes", "expected"), [(2.4, "unknown"), (2.6, "low"), (4.4, "low"), (5.0, "low")]
)
def test_nobody_is_low_before_the_third_stroke(strokes, expected):
    assert level(at_risk(0.2, strokes=strokes), POLICY) == expected


@pytest.mark.parametrize(("strokes", "expected"), [(3.0, "unknown"), (4.4, "unknown"), (4.6, "low")])
def test_little_evidence_has_to_be_better(strokes, expected):
    assert level(at_risk(0.35, strokes=strokes), POLICY) == expected


def test_bad_evidence_counts_from_the_first_stroke():
    assert level(at_risk(0.98, strokes=1.0), POLICY) == "high"


@pytest.mark.parametrize(
    ("risk", "strokes", "expected"),
    [(0.969, 4.4, "unknown"), (0.971, 4.4, "high"), (0.899, 4.6, "unknown"), (0.901, 4.6, "high")],
)
def test_few_strokes_have_to_be_worse_to_be_high(risk, strokes, expected):
    assert level(at_risk(risk, strokes=strokes), POLICY) == expected


def test_an_idle_session_ends_unknown_never_low():
    state = after(*[-3.0] * 20)
    seen = [level(decay(state, now=h * 900.0, half_life_s=HALF_LIFE_S), POLICY) for h in range(8)]
    assert seen[0] == "low"
    assert seen[-1] == "unknown"
    assert "elevated" not in seen


def test_half_is_left_after_half_a_life():
    state = decay(after(-2.0, -2.0), now=HALF_LIFE_S, half_life_s=HALF_LIFE_S)
    assert state.log_odds == pytest.approx(-1.0)
    assert state.weight == pytest.approx(1.0)


def test_a_clock_that_runs_backwards_counts_as_no_time():
    state = after(-2.0, now=100.0)
    assert decay(state, now=50.0, half_life_s=HALF_LIFE_S) == state


@given(log_odds, log_odds)
def test_any_order_of_batches_stays_within_the_caps(first, second):
    state = after(*second, state=after(*first))
    assert -POLICY.session_cap_person <= state.log_odds <= POLICY.session_cap_bot
    assert 0 < value(state, POLICY) < 1
    assert len(state.recent) <= POLICY.window


@given(log_odds)
def test_one_batch_or_many_make_no_difference(strokes):
    state = RiskState()
    for stroke in strokes:
        state = after(stroke, state=state)
    assert state == after(*strokes)


@given(log_odds)
def test_a_state_survives_json(strokes):
    state = after(*strokes)
    back = RiskState.from_json(json.loads(json.dumps(state.to_json(), allow_nan=False)))
    assert back.log_odds == pytest.approx(state.log_odds)
    assert back.recent == pytest.approx(state.recent, abs=1e-3)
    assert level(back, POLICY) == level(state, POLICY)


# Another person than the user

# A session is high from odds of about 12 to 1 over the prior of -3.5.
ENOUGH = 2.473 - OTHER_PRIOR_LOG_ODDS


def other(said, state=NOTHING, strokes=10.0):
    return replace(state, identity=Identity(log_odds=said, strokes=strokes))


@given(st.floats(0.01, 0.99), st.floats(-CAP_OWNER, CAP_OTHER), st.floats(0, 20))
def test_who_moves_never_lowers_the_risk_of_a_bot(risk, said, strokes):
    order = ("low", "unknown", "elevated", "high")
    state = at_risk(risk, strokes=strokes)
    assert value(other(said, state), POLICY) >= value(state, POLICY)
    before, after_ = level(state, POLICY), level(other(said, state), POLICY)
    assert order.index(after_) >= order.index(before)


def test_good_movement_does_not_make_up_for_being_anothers():
    best = RiskState(log_odds=-POLICY.session_cap_person, weight=POLICY.max_weight)
    assert level(best, POLICY) == "low"
    assert level(other(ENOUGH + 0.01, best), POLICY) == "high"
    assert level(other(ENOUGH - 0.01, best), POLICY) == "elevated"


def test_some_evidence_of_another_person_makes_low_elevated():
    state = at_risk(0.05)
    assert level(other(0.5, state), POLICY) == "low"
    assert level(other(3.5, state), POLICY) == "elevated"


@pytest.mark.parametrize("high_at", [0.7, POLICY.high_at, 0.9999])
def test_another_person_is_judged_by_a_limit_of_its_own(high_at):
    """How strict a model or a site is with bots says nothing of whose movement it is."""
    policy = replace(POLICY, elevated_at=0.5, unclear_at=0.6, high_at=high_at)
    assert level(other(ENOUGH - 0.01), policy) != "high"
    assert level(other(ENOUGH + 0.01), policy) == "high"
    assert ENOUGH < CAP_OTHER


def test_evidence_of_another_person_fades_with_the_rest():
    half = decay(other(4.0), now=HALF_LIFE_S, half_life_s=HALF_LIFE_S)
    assert (half.identity.log_odds, half.identity.strokes) == pytest.approx((2.0, 5.0))


EVERY_KIND = RiskState(
    at=5.0,
    weight=2.0,
    recent=(0.5, 1.0),
    manner=Manner((1.0,) * session_features.WIDTH, 0.25),
    browser=Integrity(wheel=0.9),
    replay=Replayed(2.0, (Hit(1, 2.0, 0.5),)),
    identity=Identity(log_odds=1.0, strokes=3.0),
)


def test_a_row_has_a_key_for_each_kind_of_evidence_that_there_is():
    assert RiskState(at=5.0).to_json() == {"at": 5.0}
    kinds = {"movement", "browser", "replay", "identity"}
    assert set(EVERY_KIND.to_json()) == {"at", *kinds}
    assert RiskState.from_json(json.loads(json.dumps(EVERY_KIND.to_json()))) == EVERY_KIND
    for kind in kinds:
        row = EVERY_KIND.to_json()
        del row[kind]
        assert kind not in RiskState.from_json(row).to_json()


@pytest.mark.parametrize("kind", [Manner, Integrity, Replayed, Identity])
def test_every_kind_of_evidence_fades_and_is_written_alike(kind):
    evidence = next(v for v in vars_of(EVERY_KIND) if isinstance(v, kind))
    assert kind.from_json(json.loads(json.dumps(evidence.to_json()))) == evidence
    assert kind.from_json(None) == kind()
    assert evidence.faded(1.0) == evidence
    assert abs(sum_of(evidence.faded(0.5))) < abs(sum_of(evidence))


def vars_of(state):
    return [getattr(state, f.name) for f in fields(state)]


def sum_of(evidence):
    return evidence.wheel if isinstance(evidence, Integrity) else evidence.log_odds
