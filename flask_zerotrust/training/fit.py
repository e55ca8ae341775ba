"""Fits the model: rows to trees and networks, out-of-fold scores to calibration and policy."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from .. import motion
from ..errors import ConfigError
from ..risk import Policy
from ..scoring import BundleScorer, Networks, Trees, blend
from . import calibrate, simulate
from .networks import NETWORKS, networks
from .recordings import Recording
from .table import PERSON_VIEWS, ROUGH_VIEWS, Floats, Progress, Table, tabulate
from .trees import flatten

DEPTH = 4
TREES = 120
FOLDS = 3
#: Values a feature is told apart by: the most, and the default, of scikit-learn.
BINS = 255
# Threads of a fit, whatever the machine has: sums of more or fewer differ in their last bits, and the same
# recordings are to make the same bundle.
_THREADS = 2
_LEARNING_RATE = 0.13
_L2 = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Artefact:
    """Everything a fit brought: what a bundle is written from, and what a report is made of.

    Attributes
    ----------
    model : HistGradientBoostingClassifier
    trees : Trees
        The same model as flat arrays.
    networks : Networks
    knots, log_odds_at : ndarray
        Calibration of raw scores.
    policy : Policy
    out_of_fold : ndarray of float64, shape (m,)
        Calibrated log-odds of the training rows by models that saw neither their person nor family.
    table : Table
    seed : int
    """

    model: Any
    trees: Trees
    networks: Networks
    knots: Floats
    log_odds_at: Floats
    policy: Policy
    out_of_fold: Floats
    table: Table
    seed: int
    provenance: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    def scorer(self) -> BundleScorer:
        """Return what loading the written bundle would give."""
        return BundleScorer(self.trees, self.networks, self.knots, self.log_odds_at, self.policy, {})


def train(
    recordings: Iterable[Recording],
    *,
    seed: int,
    jobs: int = 1,
    render: bool = True,
    calibration: Iterable[Recording] = (),
    trees: int = TREES,
    nets: int = NETWORKS,
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
        How many parts people and families are dealt into; each part is scored by models of the others.
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
    _check(table)
    people = tabulate(calibration, seed=seed + 1, jobs=jobs, render=render, person_views=1, rough_views=0)
    with importlib.import_module("threadpoolctl").threadpool_limits(_THREADS):  # comes with scikit-learn
        raw = _out_of_fold(table, seed=seed, trees=trees, nets=nets, of=folds, bins=bins, progress=progress)
        model = boosted(table, seed=seed, trees=trees, bins=bins)
        flat = flatten(model, depth=DEPTH)
        small = networks(table.features, table.bot, weights(table), seed=seed, count=nets)
        if progress is not None:
            progress("models", folds + 1, folds + 1)
        raw_of_others = blend(flat.raw(people.features), small.raw(people.features))
    knots, log_odds_at = calibrate.log_odds(raw, table.bot, weights(table))
    said = np.interp(raw, knots, log_odds_at)
    others = np.interp(raw_of_others, knots, log_odds_at)
    # Bad conditions are drawn far more often than visitors have them: they teach, and set no threshold.
    plain = table.plain()
    policy = calibrate.policy(table.part(plain), said[plain], people, others)
    return Artefact(model, flat, small, knots, log_odds_at, policy, said, table, seed)


def weights(table: Table) -> Floats:
    """Return row weights: both labels weigh the same in all, groups by the root of their rows.

    Equal weights would let a person with ten strokes shout; plain rows would let one person with
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


def _out_of_fold(
    table: Table, *, seed: int, trees: int, nets: int, of: int, bins: int, progress: Progress | None
) -> Floats:
    """Return raw scores by models that saw neither a row's person nor its family, nor one that runs all."""
    raw = np.zeros(len(table))
    fold = dealt(table, of)
    for k in range(of):
        seen = table.part((fold != k) & (table.group != simulate.ALL_IN_ONE))
        model = boosted(seen, seed=seed, trees=trees, bins=bins)
        small = networks(seen.features, seen.bot, weights(seen), seed=seed, count=nets)
        rows = table.features[fold == k]
        raw[fold == k] = blend(model.decision_function(rows), small.raw(rows))
        if progress is not None:
            progress("models", k + 1, of + 1)
    return raw


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


def _check(table: Table) -> None:
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
    return ", ".join(motion.FEATURE_NAMES[i] for i in bad)
