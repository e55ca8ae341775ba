"""The model of sessions: fitted to runs of strokes, judged by what never saw their makers."""

from __future__ import annotations

import numpy as np
import pytest

from flask_zerotrust import simulate
from flask_zerotrust.movement import FEATURE_NAMES, session_features
from flask_zerotrust.training import session_model
from flask_zerotrust.training.stretches import cut, joined
from flask_zerotrust.training.table import Table

PERSONS, FAMILIES, VISITS, STROKES = 6, 6, 4, 20


@pytest.fixture(scope="module")
def made():
    """People vary from stroke to stroke, programs do not; single strokes say nothing."""
    rng = np.random.default_rng(0)
    groups = [f"set/{i}" for i in range(PERSONS)] + [f"family{i}" for i in range(FAMILIES)]
    group = np.repeat(groups, VISITS * STROKES)
    bot = np.char.startswith(group, "family")
    features = rng.normal(size=(group.size, len(FEATURE_NAMES))) * np.where(bot, 0.2, 1.0)[:, None]
    table = Table(features, bot, group, np.repeat(np.arange(len(groups) * VISITS), STROKES))
    number = np.unique(group, return_inverse=True)[1]
    return table, rng.normal(size=group.size), number % 3


@pytest.mark.slow
def test_it_finds_programs_that_repeat_themselves_where_single_strokes_say_nothing(made):
    table, said, fold = made
    seconds = session_model.train(table, said, fold, seed=1, trees=20)
    runs = seconds.held_out(cut(table, said, 10))
    assert (runs.together[runs.bot] > 0).mean() > 0.9
    assert (runs.together[~runs.bot] < 0).mean() > 0.9


@pytest.fixture
def taught(monkeypatch):
    """Of every model that is fitted, the groups that taught it."""
    groups = []
    fitted = session_model._fitted
    monkeypatch.setattr(
        session_model,
        "_fitted",
        lambda rows, bot, group, **kw: groups.append(set(group)) or fitted(rows, bot, group, **kw),
    )
    return groups


@pytest.mark.slow
def test_runs_are_judged_by_a_model_that_saw_nobody_of_their_fold(made, taught):
    table, said, fold = made
    seconds = session_model.train(table, said, fold, seed=1, trees=2)
    for k in range(3):
        assert not taught[k] & set(table.group[fold == k])
    assert taught[3] == set(table.group)
    run = cut(table, said, 5)
    own = [seconds.by_fold[k].log_odds(run.sums[i : i + 1])[0] for i, k in enumerate(fold[run.first])]
    np.testing.assert_array_equal(seconds.held_out(run).together, own)


@pytest.mark.slow
def test_what_runs_all_other_families_teaches_no_model_of_a_fold(made, taught):
    table, said, fold = made
    group = np.where(table.group == "family0", simulate.ALL_IN_ONE, table.group)
    session_model.train(Table(table.features, table.bot, group, table.visit), said, fold, seed=1, trees=2)
    assert [simulate.ALL_IN_ONE in one for one in taught] == [False, False, False, True]


def test_runs_do_not_go_on_from_one_visit_into_the_next():
    visit = np.repeat([0, 1, 2], [7, 2, 3])
    table = Table(
        np.zeros((12, len(FEATURE_NAMES))),
        visit == 1,
        np.array([f"g{v}" for v in visit]),
        visit.astype(np.int64),
    )
    runs = cut(table, np.arange(12.0) / 10.0, 3)
    assert runs.group.tolist() == ["g0", "g0", "g2"]
    np.testing.assert_allclose(runs.said.mean(axis=1), [0.1, 0.4, 1.0])
    np.testing.assert_allclose(runs.sums, [session_features.added((), r) for r in _rows(runs)])
    assert len(joined(runs, runs)) == 6


def _rows(runs):
    return [session_features.rows(said, np.zeros((3, len(FEATURE_NAMES)))) for said in runs.said]


def test_a_table_without_long_visits_has_no_runs():
    table = Table(
        np.zeros((2, len(FEATURE_NAMES))), np.zeros(2, bool), np.array(["a", "a"]), np.zeros(2, np.int64)
    )
    assert len(cut(table, np.zeros(2), 3)) == 0
