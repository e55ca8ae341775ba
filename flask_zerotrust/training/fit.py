"""Fits the model: rows to trees and networks, out-of-fold scores to calibration and policy."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from flask_zerotrust import movement, simulate
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk.level import Policy
from flask_zerotrust.risk.model import BundleScorer, Calibration, Networks, Trees, blend
from flask_zerotrust.training import calibration as calibrate
from flask_zerotrust.training import session_model
from flask_zerotrust.training.networks import NETWORKS, networks
from flask_zerotrust.training.session_model import Seconds
from flask_zerotrust.training.stretches import Stretches, cut, joined
from flask_zerotrust.training.table import PERSON_VIEWS, ROUGH_VIEWS, Floats, Progress, Table, tabulate
from flask_zerotrust.training.trees import flatten

DEPTH = 4
TREES = 120
FOLDS = 3
#: Values a feature is told apart by: the most, and the default, of scikit-learn.
BINS = 255
_LEARNING_RATE = 0.13
_L2 = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Artefact:
    """The result of a fit: the model, and the data of a report.

    Attributes
    ----------
    model : HistGradientBoostingClassifier
    trees : Trees
        The same model as flat arrays.
    networks : Networks
    calibration : Calibration
        Of their raw scores.
    seconds : Seconds
        The model of sessions, and those of the folds.
    policy : Policy
    out_of_fold : ndarray of float64, shape (m,)
        Calibrated log-odds of the training rows by models that saw neither their person nor family.
    table : Table
    seed : int
    """

    model: Any
    trees: Trees
    networks: Networks
    calibration: Calibration
    seconds: Seconds
    policy: Policy
    out_of_fold: Floats
    table: Table
    seed: int

    def scorer(self) -> BundleScorer:
        """Return the model, as loading its bundle would give it."""
        return BundleScorer(
            self.trees, self.networks, self.calibration, self.seconds.whole, self.policy, {}
        )

    def held_out(self, length: int, *, rough: bool = False) -> Stretches:
        """Return runs of so many strokes, judged by models that saw neither their person nor family."""
        runs = self.seconds.held_out(cut(self.table, self.out_of_fold, length))
        return runs.part((self.table.plain() != rough)[runs.first])


def train(
    recordings: Iterable[Recording],
    *,
    seed: int,
    jobs: int = 1,
    render: bool = True,
    calibration: Iterable[Recording] = (),
    trees: int = TREES,
    nets: int = NETWORKS,
    second_trees: int = session_model.TREES,
    folds: int = FOLDS,
    bins: int = BINS,
    person_views: int = PERSON_VIEWS,
    rough_views: int = ROUGH_VIEWS,
    progress: Progress | None = None,
) -> Artefact:
    """Fit trees, networks, calibration and policy to people (label human) and bots (label bot).

    Parameters
    ----------
    recordings : iterable of Recording
        At least ``FOLDS`` people and ``FOLDS`` families of bots.
    calibration : iterable of Recording
        People on whom only the policy's thresholds are set, beside the out-of-fold ones.
    folds : int
        How many parts people and families are dealt into. Each part is scored by models of the others.
    bins : int
        How many values a feature is told apart by, at most 255. Finding them takes most of the time of
        a small fit.
    progress : callable, optional
        Told ``(what, done, of)``.

    Raises
    ------
    ConfigError
        When there are too few people or families to hold any out.
    """
    table = tabulate(
        recordings,
        seed=seed,
        jobs=jobs,
        render=render,
        person_views=person_views,
        rough_views=rough_views,
        progress=progress,
    )
    check(table)
    people = tabulate(calibration, seed=seed + 1, jobs=jobs, render=render, person_views=1, rough_views=0)
    size = _Size(seed=seed, trees=trees, nets=nets, bins=bins)
    raw = _out_of_fold(table, size, of=folds, jobs=jobs, progress=progress)
    model, small = _fitted(table, size)
    flat = flatten(model, depth=DEPTH)
    if progress is not None:
        progress("models", folds + 1, folds + 1)
    raw_of_others = blend(flat.raw(people.features), small.raw(people.features))
    curve = Calibration(*calibrate.log_odds(raw, table.bot, weights(table)))
    log_odds, rest = curve(raw), curve(raw_of_others)
    seconds = session_model.train(table, log_odds, dealt(table, folds), seed=seed, trees=second_trees)
    model_of = Artefact(model, flat, small, curve, seconds, Policy(), log_odds, table, seed)

    # Bad conditions are drawn far more often than visitors have them: they teach, and set no threshold.
    def strangers(length: int) -> Stretches:
        own = model_of.held_out(length)
        return joined(own.part(~own.bot), seconds.told(cut(people, rest, length)))

    return replace(model_of, policy=calibrate.policy(strangers))


def weights(table: Table) -> Floats:
    """Return row weights: both labels weigh the same in all, groups by the root of their rows.

    Equal weights would let a person with ten strokes shout. Plain rows would let one person with
    thousands be the population.
    """
    _, number, count = np.unique(table.group, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(count[number])
    for bot in (False, True):
        rows = table.bot == bot
        weight[rows] *= len(table) / 2.0 / max(float(weight[rows].sum()), 1e-12)
    return np.asarray(weight)


def dealt(table: Table, n: int = FOLDS) -> NDArray[np.int64]:
    """Return the fold of each row: people and families are dealt out whole, ordered by a hash.

    Families that are near relatives go to the same fold.
    """
    fold = np.zeros(len(table), dtype=np.int64)
    for bot in (False, True):
        names = np.unique(table.group[table.bot == bot]).tolist()
        lines = {simulate.lineage(name) if bot else name for name in names}
        order = sorted(lines, key=lambda line: (zlib.crc32(line.encode()), line))
        number = {line: i % n for i, line in enumerate(order)}
        for name in names:
            fold[table.group == name] = number[simulate.lineage(name) if bot else name]
    return fold


class _Size(NamedTuple):
    """The options of a fit."""

    seed: int
    trees: int
    nets: int
    bins: int


def _out_of_fold(table: Table, size: _Size, *, of: int, jobs: int, progress: Progress | None) -> Floats:
    """Return raw scores by models that saw neither a row's person nor its family, nor one that runs all."""
    raw = np.zeros(len(table))
    fold = dealt(table, of)
    tasks = (
        joblib.delayed(_judged)(
            table.part((fold != k) & (table.group != simulate.ALL_IN_ONE)), table.features[fold == k], size
        )
        for k in range(of)
    )
    for k, item in enumerate(joblib.Parallel(n_jobs=jobs, return_as="generator")(tasks)):
        raw[fold == k] = item
        if progress is not None:
            progress("models", k + 1, of + 1)
    return raw


def _judged(table: Table, rows: Floats, size: _Size) -> Floats:
    """Return the scores of other rows by models of a table."""
    model, small = _fitted(table, size)
    return blend(np.asarray(model.decision_function(rows)), small.raw(rows))


def _fitted(table: Table, size: _Size) -> tuple[Any, Networks]:
    """Return trees and networks of a table.

    One thread, whatever the machine has: sums of more differ in their last bits, and the same recordings
    are to make the same bundle.
    """
    with threadpool_limits(1):
        model = boosted(table, seed=size.seed, trees=size.trees, bins=size.bins)
        rows, bot = table.features, table.bot
        return model, networks(rows, bot, weights(table), seed=size.seed, count=size.nets)


def boosted(table: Table, *, seed: int, trees: int = TREES, bins: int = BINS) -> Any:
    """Return trees fitted to the rows of a table, not yet calibrated."""
    model = HistGradientBoostingClassifier(
        max_depth=DEPTH,
        max_leaf_nodes=2**DEPTH,
        max_iter=trees,
        max_bins=bins,
        learning_rate=_LEARNING_RATE,
        l2_regularization=_L2,
        min_samples_leaf=max(2, min(80, len(table) // 200)),
        early_stopping=False,
        random_state=seed,
    )
    return model.fit(table.features, table.bot, sample_weight=weights(table))


def check(table: Table) -> None:
    """Raise ConfigError if a table has too few people or families of bots, or a feature without a value."""
    people = np.unique(table.group[~table.bot]).size
    families = np.unique(table.group[table.bot]).size
    if people < FOLDS or families < FOLDS:
        raise ConfigError(
            f"Training needs strokes of at least {FOLDS} people (label 'human', told apart by source and "
            f"user) and {FOLDS} families of bots (label 'bot', told apart by source), got {people} and "
            f"{families}. Add recordings, or simulated ones from the generate command."
        )
    if not np.isfinite(table.features).all():
        raise ConfigError(f"Features must be finite: {_bad_columns(table)}.")


def _bad_columns(table: Table) -> str:
    bad = np.flatnonzero(~np.isfinite(table.features).all(axis=0))
    return ", ".join(movement.FEATURE_NAMES[i] for i in bad)
