"""A small fit end to end: the same twice, equal to scikit-learn, and honest about who it saw."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.movement import FEATURE_NAMES
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk.level import level, value
from flask_zerotrust.risk.model import FAR_SD, load_bundle
from flask_zerotrust.simulate import bots
from flask_zerotrust.training import calibration, fit, networks, stretches
from flask_zerotrust.training.augment import vary
from flask_zerotrust.training.bundle import write_bundle
from flask_zerotrust.training.evaluate import score_session, upper_bound
from flask_zerotrust.training.table import Table, features, tabulate

FAMILIES = ("linear", "bezier", "wind", "arc")
#: A small fit. tests/unit/test_cli.py fits one with as many bins as the model that ships.
SMALL = {"trees": 6, "bins": 16, "person_views": 1}


def hand(user: int, *, seed: int, strokes: int = 12) -> Recording:
    """Return made-up movement that stands for a person: reaches in two parts, with a tremble."""
    rng = np.random.default_rng((seed, user))
    t, x, y, now, at = [], [], [], 0.0, np.array([500.0, 400.0])
    for _ in range(strokes):
        to = rng.uniform(50, 900, 2)
        s = np.linspace(0, 1, 40)
        u = 0.85 * (10 * s**3 - 15 * s**4 + 6 * s**5) + 0.15 * np.clip((s - 0.6) / 0.4, 0, 1) ** 2
        way = at + np.outer(u, to - at) + rng.normal(0, 1.0, (40, 2)).cumsum(axis=0) * 0.7
        t.append(now + 16.0 * np.arange(40))
        x.append(way[:, 0])
        y.append(way[:, 1])
        now, at = now + 1_200.0, way[-1]
    planes = (np.concatenate(v) for v in (t, x, y))
    return Recording(
        f"h{user}", str(user), "human", "hands", "mouse", (1_000, 800), *planes, "m" * 40 * strokes
    )


def visits() -> list[Recording]:
    people = [hand(user, seed=1) for user in range(6)]
    return people + list(bots(12, rng=np.random.default_rng(2), families=FAMILIES, strokes=12))


def written(folder: Path, artefact: fit.Artefact) -> str:
    return write_bundle(folder, artefact.scorer(), seed=artefact.seed, provenance={"data": "made up"})


@pytest.fixture(scope="module")
def artefact():
    return fit.train(visits(), seed=3, **SMALL)


@pytest.mark.slow
def test_fitting_again_gives_the_same_bytes(artefact, tmp_path):
    again = fit.train(visits(), seed=3, **SMALL)
    assert written(tmp_path / "a", artefact) == written(tmp_path / "b", again)
    assert (tmp_path / "a" / "model.npz").read_bytes() == (tmp_path / "b" / "model.npz").read_bytes()


@pytest.mark.slow
def test_another_seed_gives_another_model(artefact, tmp_path):
    other = fit.train(visits(), seed=4, **SMALL)
    assert written(tmp_path / "a", artefact) != written(tmp_path / "b", other)


@pytest.mark.slow
def test_flat_trees_equal_scikit_learn_also_where_values_are_missing(artefact):
    rng = np.random.default_rng(5)
    rows = artefact.table.features[:250] + rng.normal(0, 0.1, (250, len(FEATURE_NAMES)))
    rows[rng.random(rows.shape) < 0.2] = np.nan
    ours, theirs = artefact.trees.raw(rows), artefact.model.decision_function(rows)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_stacked_networks_equal_the_mean_of_scikit_learns(artefact):
    rows, bot = artefact.table.features, artefact.table.bot
    weight = fit.weights(artefact.table)
    stacked = networks.networks(rows, bot, weight, seed=8, count=2, epochs=2)
    scaled = np.clip((rows - stacked.centre) / stacked.spread, -FAR_SD, FAR_SD)
    theirs = [
        networks._fitted(scaled, bot, weight, seed=s, epochs=2).predict_proba(scaled) for s in (8, 108)
    ]
    logits = np.mean([np.log(p[:, 1]) - np.log(p[:, 0]) for p in theirs], axis=0)
    np.testing.assert_allclose(stacked.raw(rows), logits, rtol=0, atol=1e-9)


def test_a_model_that_judges_a_family_has_seen_neither_its_kin_nor_the_one_that_runs_all(monkeypatch):
    """A family would count as unseen while its sibling, or a visit that runs it, taught the model."""
    made = [hand(user, seed=1) for user in range(3)]
    names = ("spring", "follow", "vite", "linear", "arc", "mixed_visit")
    made += bots(12, rng=np.random.default_rng(2), families=names, strokes=6)
    taught = []
    boosted = fit.boosted
    monkeypatch.setattr(
        fit, "boosted", lambda table, **kw: taught.append(set(table.group)) or boosted(table, **kw)
    )
    fit.train(made, seed=3, trees=2, nets=1, person_views=1, rough_views=0)
    for seen in taught[:-1]:
        assert len({"spring", "follow", "vite"} & seen) in (0, 3)
        assert "mixed_visit" not in seen
    assert any("spring" not in seen for seen in taught[:-1])
    assert set(names) <= taught[-1]


@pytest.mark.slow
def test_a_written_bundle_scores_like_the_artefact(artefact, tmp_path):
    sha256 = written(tmp_path, artefact)
    scorer = load_bundle(tmp_path, sha256)
    rows = artefact.table.features[:50]
    np.testing.assert_allclose(scorer.log_odds(rows), artefact.scorer().log_odds(rows), atol=1e-12)
    sums = artefact.held_out(3).sums
    assert np.ptp(scorer.together(sums)) > 0
    np.testing.assert_allclose(scorer.together(sums), artefact.scorer().together(sums), atol=1e-12)
    assert scorer.policy == artefact.policy
    assert scorer.manifest["provenance"]["data"] == "made up"


@pytest.mark.slow
def test_people_and_families_are_held_out_whole(artefact):
    fold = fit.dealt(artefact.table)
    for name in np.unique(artefact.table.group):
        assert np.unique(fold[artefact.table.group == name]).size == 1
    for k in range(fit.FOLDS):
        assert artefact.table.bot[fold == k].any()
        assert not artefact.table.bot[fold == k].all()


@pytest.mark.slow
def test_both_labels_weigh_the_same(artefact):
    weight = fit.weights(artefact.table)
    assert weight[artefact.table.bot].sum() == pytest.approx(weight[~artefact.table.bot].sum())


def test_too_few_people_are_refused_with_numbers():
    with pytest.raises(ConfigError, match=r"3 people .* got 1"):
        fit.train([hand(0, seed=1), *bots(4, rng=np.random.default_rng(0), families=FAMILIES)], seed=0)


def test_jobs_change_nothing():
    one, two = (tabulate(visits()[4:8], seed=1, jobs=jobs, person_views=1) for jobs in (1, 2))
    np.testing.assert_array_equal(one.features, two.features)


def test_calibration_recovers_the_ratio_of_two_known_bells():
    """Scores N(-1, 1) and N(1, 1): the log-likelihood ratio is twice the score."""
    rng = np.random.default_rng(0)
    raw = np.concatenate([rng.normal(-1, 1, 40_000), rng.normal(1, 1, 40_000)])
    bot = np.repeat([False, True], 40_000)
    knots, at = calibration.log_odds(raw, bot, np.ones(80_000))
    assert (np.diff(at) >= 0).all()
    np.testing.assert_allclose(np.interp([-1.0, 0.0, 1.0], knots, at), [-2.0, 0.0, 2.0], atol=0.15)


def test_the_policy_lets_the_people_through_it_was_set_on():
    rng = np.random.default_rng(1)
    said = rng.normal(-2.5, 1.5, 200 * 20)
    table = Table(
        features=np.zeros((4_000, len(FEATURE_NAMES))),
        bot=np.zeros(4_000, bool),
        group=np.repeat([f"set/{i}" for i in range(200)], 20),
        visit=np.repeat(np.arange(200), 20),
    )

    def runs(length):
        found = stretches.cut(table, said, length)
        return replace(found, together=0.4 * found.said.sum(axis=1))

    policy = calibration.policy(runs)
    assert 0 < policy.early_at <= policy.unclear_at < policy.high_at <= policy.early_high_at < 1
    assert policy.settling > 0  # these people's worst twenty strokes are better than their worst five
    for count, most in ((3, 0.10), (5, 0.01), (20, 0.01)):
        asked = [
            level(state, policy) in ("unknown", "high") or value(state, policy) > policy.high_at
            for state in runs(count).states(policy)
        ]
        assert np.mean(asked) <= most


def test_varied_people_keep_their_events_and_their_shape():
    person = hand(1, seed=1)
    varied = vary(person, rng=np.random.default_rng(3))
    assert varied.type == person.type
    assert (np.diff(varied.t) >= 0).all()
    assert not np.allclose(varied.x, person.x)
    length = [np.hypot(np.diff(r.x), np.diff(r.y)) for r in (person, varied)]
    ratio = length[1][length[0] > 3] / length[0][length[0] > 3]
    assert np.std(ratio) / np.mean(ratio) < 0.2


@pytest.mark.slow
def test_a_session_is_scored_as_the_server_would(artefact):
    line = score_session(hand(9, seed=8), artefact.scorer())
    assert line["strokes"] == len(features(hand(9, seed=8))) == 12
    assert set(line["after"]) == {"1", "3", "5", "10", "all"}
    assert line["after"]["1"]["level"] in ("unknown", "high")
    assert line["after"]["1"]["step_up"]
    assert json.loads(json.dumps(line)) == line


@pytest.mark.slow
def test_a_session_without_movement_is_unknown_and_stepped_up(artefact):
    still = Recording("s", None, "human", "x", "mouse", (9, 9), np.zeros(1), np.zeros(1), np.zeros(1), "m")
    line = score_session(still, artefact.scorer())
    assert line["strokes"] == 0
    assert line["after"] == {
        "all": {"risk": pytest.approx(0.5, abs=0.5), "level": "unknown", "step_up": True}
    }
    assert line["reasons"] == ["no_movement"]


@pytest.mark.parametrize(
    ("stopped", "of", "bound"),
    [(0, 20, 0.1391), (1, 20, 0.2161), (0, 300, 0.0099), (5, 5, 1.0), (0, 0, 1.0)],
)
def test_upper_bounds_are_those_of_clopper_and_pearson(stopped, of, bound):
    assert upper_bound(stopped, of) == pytest.approx(bound, abs=2e-4)
