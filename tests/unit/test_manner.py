"""What all strokes of a session say together: sums that fade, and a model asked of enough of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_zerotrust.movement import FEATURE_NAMES, Manner, session_features
from flask_zerotrust.risk import assess
from flask_zerotrust.risk import level as risk

POLICY = risk.Policy(drift=0.0, early_at=0.9, unclear_at=0.9, high_at=0.95)
HOUR_S = 3_600.0
NOTHING = risk.RiskState()


@dataclass
class Both:
    """Says one thing of every stroke, another of all together; and keeps what it was asked."""

    alone: float = -1.0
    all: float = 2.0
    policy: risk.Policy = POLICY
    asked: list[np.ndarray] = field(default_factory=list)

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        return np.full(len(features), self.alone)

    def together(self, sums: np.ndarray) -> np.ndarray:
        self.asked.append(sums)
        return np.full(len(sums), self.all)


def strokes(n: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, len(FEATURE_NAMES)))


def after(n: int, scorer: Both, state: risk.RiskState = NOTHING, **terms) -> risk.RiskState:
    heard = assess.rate(strokes(n), scorer=scorer)
    return assess.move(heard, state, scorer=scorer, now=0.0, half_life_s=HOUR_S, **terms)


def test_sums_give_number_means_and_spreads():
    features = np.zeros((2, len(FEATURE_NAMES)))
    features[:, FEATURE_NAMES.index("efficiency")] = 0.6, 1.0
    seen = session_features.seen(
        session_features.added((), session_features.rows(np.array([1.0, -3.0]), features))[None]
    )[0]
    at = 2 + session_features.KEY.index("efficiency")
    assert seen[0] == 2.0
    assert (seen[1], seen[at]) == pytest.approx((-1.0, 0.8))
    assert (seen[2 + len(session_features.KEY)], seen[at + 1 + len(session_features.KEY)]) == pytest.approx(
        (2.0, 0.2)
    )


def test_a_program_that_repeats_itself_has_no_spread():
    rows = session_features.rows(np.full(7, 0.5), np.tile(strokes(1), (7, 1)))
    seen = session_features.seen(session_features.added((), rows)[None])[0]
    np.testing.assert_allclose(seen[2 + len(session_features.KEY) :], 0.0, atol=1e-6)


def test_old_strokes_make_room_for_new_ones():
    """After a thousand strokes of one kind, a window of another is nearly all there is."""
    rows = session_features.rows(np.repeat([-3.0, 4.0], [1_000, 60]), np.zeros((1_060, len(FEATURE_NAMES))))
    old = session_features.added((), rows[:1_000])
    new = session_features.added(tuple(old.tolist()), rows[1_000:])
    assert old[0] == new[0] == pytest.approx(session_features.WINDOW)
    assert session_features.seen(old[None])[0, 1] == pytest.approx(-3.0)
    assert session_features.seen(new[None])[0, 1] > 3.5


@given(st.integers(1, 40), st.integers(0, 40))
def test_sums_do_not_depend_on_how_strokes_are_batched(first, more):
    rows = session_features.rows(np.linspace(-1, 1, first + more), strokes(first + more))
    once = session_features.added((), rows)
    begun = session_features.added((), rows[:first])
    last = session_features.added(tuple(begun.tolist()), rows[first:]) if more else begun
    np.testing.assert_allclose(last, once, rtol=1e-9, atol=1e-12)


def test_time_takes_weight_and_leaves_means():
    full = Manner(
        tuple(session_features.added((), session_features.rows(np.ones(8), strokes(8))).tolist()), 1.5
    )
    half = full.faded(0.5)
    assert (half.strokes, half.log_odds) == (4.0, 0.75)
    np.testing.assert_allclose(
        session_features.seen(np.array([half.sums]))[0, 1:],
        session_features.seen(np.array([full.sums]))[0, 1:],
        rtol=1e-9,
    )


def test_the_store_gives_back_what_it_was_given():
    state = after(4, Both())
    again = risk.RiskState.from_json(state.to_json())
    np.testing.assert_allclose(again.manner.sums, state.manner.sums, atol=1e-6)
    assert Manner.from_json(Manner().to_json()).strokes == 0.0
    assert Manner.from_json(None) == Manner()


@pytest.mark.parametrize(("n", "counts"), [(2, -0.8), (3, 0.4)])
def test_from_the_third_stroke_on_all_together_weigh_as_much_as_the_sum(n, counts):
    assert risk.movement(after(n, Both()), POLICY) == pytest.approx(counts)


def test_a_session_that_has_faded_falls_back_to_its_sum():
    old = risk.decay(after(3, Both()), now=HOUR_S, half_life_s=HOUR_S)
    assert risk.movement(old, POLICY) == pytest.approx(-0.6)
    assert risk.level(old, POLICY) == "unknown"


@pytest.mark.parametrize(
    ("said", "kept"), [(99.0, POLICY.session_cap_bot), (-99.0, -POLICY.session_cap_person)]
)
def test_what_all_say_together_is_capped_as_a_session_is(said, kept):
    assert after(3, Both(all=said)).manner.log_odds == kept


def test_a_model_that_says_nothing_finite_leaves_the_sum():
    assert risk.movement(after(3, Both(all=float("nan"))), POLICY) == pytest.approx(-1.2)


def test_strokes_that_are_not_believed_never_speak_for_a_person():
    """Neither by themselves nor by making the rest look more human."""
    bad, good = after(4, Both(alone=1.0, all=3.0)), Both(alone=1.0, all=-4.0)
    before = risk.movement(bad, POLICY)
    assert risk.movement(after(4, good, bad, believed=False), POLICY) > before
    assert risk.movement(after(4, good, bad), POLICY) < before
    few = after(2, Both(alone=1.0))
    assert risk.movement(after(4, good, few, believed=False), POLICY) > risk.movement(few, POLICY)


def test_many_strokes_have_to_be_better_than_few():
    """A risk just below the limit passes after five strokes, and is unclear after twenty."""
    policy = replace(
        POLICY, settling=1.0, together_share=1.0, elevated_at=0.5, unclear_at=0.8, high_at=0.99
    )
    scorer = Both(all=1.3, policy=policy)
    few, many = after(5, scorer), after(20, scorer)
    assert risk.value(few, policy) == risk.value(many, policy) == pytest.approx(0.786, abs=1e-3)
    assert (risk.level(few, policy), risk.level(many, policy)) == ("elevated", "unknown")
    assert risk.settled(few, policy) == 0.0
    assert risk.settled(many, policy) == pytest.approx(np.log(4.0))


def test_following_stroke_by_stroke_ends_where_the_batch_does():
    scorer = Both()
    heard = assess.rate(strokes(6), scorer=scorer)
    states = assess.follow(heard, risk.RiskState(), scorer=scorer, now=5.0, half_life_s=HOUR_S)
    whole = assess.move(heard, risk.RiskState(), scorer=scorer, now=5.0, half_life_s=HOUR_S)
    assert [round(s.weight) for s in states] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(states[-1].manner.sums, whole.manner.sums, rtol=1e-12)
    assert risk.movement(states[-1], POLICY) == risk.movement(whole, POLICY)


def test_the_model_is_asked_once_a_batch():
    scorer = Both()
    after(9, scorer)
    assert [sums.shape for sums in scorer.asked] == [(1, session_features.WIDTH)]
