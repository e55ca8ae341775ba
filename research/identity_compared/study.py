"""The comparison: methods on the same folds of background people, who are never those held out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from flask_zerotrust.identity.learning import READY_STROKES
from research.identity import visits
from research.identity.calibrate import FOLDS, VIEWS
from research.identity.fit import Floats
from research.identity.visits import Visit
from research.identity_compared import covariance, rates, stretches
from research.identity_compared.kernel import Kernel
from research.identity_compared.method import Fitter, Method, Part
from research.identity_compared.mixture import Mixture
from research.identity_compared.own_trees import OwnTrees
from research.identity_compared.rates import ROUNDS, Rates, Trials
from research.identity_compared.trivial import Trivial
from research.report.curves import rounded
from research.report.intervals import percentiles

Json = dict[str, Any]
Progress = Callable[[str, int, int], None]
Cell = tuple[int, str]  # view and length

SHIPPED = "discriminants"
METHODS: dict[str, Fitter] = {
    "trivial rule": Trivial,
    SHIPPED: covariance.discriminants,
    "mixture": Mixture,
    "network": covariance.network,
    "forest": covariance.forest,
    "kernel": Kernel,
    "own trees": OwnTrees,
}
#: Methods whose standardised scores are averaged.
BLENDS = (
    (SHIPPED, "mixture"),
    (SHIPPED, "network"),
    (SHIPPED, "forest"),
    (SHIPPED, "network", "forest", "mixture"),
)
#: How often people are dealt into folds anew.
DEALS = 2
#: Views that are tested: a changed device is another question, and profiles know none.
TESTED = ("as_recorded", "same_device")
BATCH = 10


def compare(
    shown: list[tuple[Visit, ...]], *, seed: int, deals: int = DEALS, progress: Progress | None = None
) -> Json:
    """Return AUC and EER by method, view and length, what a stroke costs, and the size of a profile.

    Parameters
    ----------
    shown : list of tuple of Visit
        What :func:`.visits.views` returned of background people: each visit as in ``VIEWS``.
    """
    users = sorted({views[0].user for views in shown}, key=int)
    found: dict[str, dict[Cell, Trials]] = {}
    for number, (name, fitter) in enumerate(METHODS.items(), 1):
        found[name] = _trials(shown, users, fitter, seed=seed, deals=deals)
        if progress is not None:
            progress("methods", number, len(METHODS))
    costs = {name: _cost(shown, fitter, seed) for name, fitter in METHODS.items()}
    for names in BLENDS:
        found[" + ".join(names)] = _blend([found[name] for name in names])
        costs[" + ".join(names)] = {key: sum(costs[name][key] for name in names) for key in costs[SHIPPED]}
    measured = {name: _measured(cells, len(users), seed) for name, cells in found.items()}
    return {
        "people": len(users),
        "folds": FOLDS,
        "deals": deals,
        "rounds": ROUNDS,
        "methods": {
            name: {**costs[name], **_told(found[name], cells, measured[SHIPPED])}
            for name, cells in measured.items()
        },
    }


def _trials(
    shown: list[tuple[Visit, ...]], users: list[str], fitter: Fitter, *, seed: int, deals: int
) -> dict[Cell, Trials]:
    """Return the trials of all folds; each within people of whom the method has seen nobody."""
    kept: dict[Cell, list[tuple[int, int, float]]] = {}
    for deal in range(deals):
        dealt = np.random.default_rng(seed + deal).permutation(users)
        for k in range(FOLDS):
            left = set(dealt[k::FOLDS].tolist())
            known = [one for views in shown if views[0].user not in left for one in views]
            model = fitter(visits.rows(known), seed)
            for view in map(VIEWS.index, TESTED):
                strangers = [views[view] for views in shown if views[0].user in left]
                for length, owner, mover, said in _pairs(model, strangers):
                    trial = (users.index(owner), users.index(mover), said)
                    kept.setdefault((view, length), []).append(trial)
    return {cell: _columns(listed) for cell, listed in kept.items()}


def _columns(listed: list[tuple[int, int, float]]) -> Trials:
    owner, mover, said = (np.array(column) for column in zip(*listed, strict=True))
    return Trials(owner.astype(np.int64), mover.astype(np.int64), said.astype(np.float64))


def _pairs(model: Method, strangers: list[Visit]) -> Iterator[tuple[str, str, str, float]]:
    """Yield length, owner, mover and what was said of every stretch of a short visit."""
    enrolled = [
        (v.user, model.enrol(model.embed(v.features))[0])
        for v in strangers
        if v.session.endswith("3min") and len(v.ended_s) >= READY_STROKES
    ]
    for tested in strangers:
        if not tested.session.endswith("1min") or not len(tested.ended_s):
            continue
        z, cut = model.embed(tested.features), stretches.cut(tested)
        lengths = [length for length, parts in cut.items() for _ in parts]
        parts = [part for parts in cut.values() for part in parts]
        for owner, kept in enrolled:
            for length, said in zip(lengths, model.scores(kept, z, parts).tolist(), strict=True):
                yield length, owner, tested.user, said


def _blend(among: list[dict[Cell, Trials]]) -> dict[Cell, Trials]:
    """Return the mean of scores that were brought to one scale, blind to whose they are."""
    return {
        cell: Trials(one.owner, one.mover, np.mean([_standard(m[cell].said) for m in among], axis=0))
        for cell, one in among[0].items()
    }


def _measured(cells: dict[Cell, Trials], people: int, seed: int) -> dict[Cell, Rates]:
    return {
        cell: rates.rates(trials, people=people, seed=seed, rounds=ROUNDS) for cell, trials in cells.items()
    }


def _standard(said: Floats) -> Floats:
    standard: Floats = (said - said.mean()) / (said.std() + 1e-12)
    return standard


def _told(trials: dict[Cell, Trials], own: dict[Cell, Rates], shipped: dict[Cell, Rates]) -> Json:
    told: Json = {name: {} for name in TESTED}
    for (view, length), one in own.items():
        gain = one.auc - shipped[view, length].auc
        told[VIEWS[view]][length] = {
            "auc": round(float(one.auc[0]), 4),
            "auc_interval": rounded(percentiles(one.auc[1:])),
            "eer": round(float(one.eer[0]), 4),
            "eer_interval": rounded(percentiles(one.eer[1:])),
            "gain": round(float(gain[0]), 4),
            "gain_interval": rounded(percentiles(gain[1:])),
            "owners": int((~trials[view, length].other).sum()),
            "others": int(trials[view, length].other.sum()),
        }
    return told


def _cost(shown: list[tuple[Visit, ...]], fitter: Fitter, seed: int) -> Json:
    """Return microseconds for one stroke and for a batch, and the largest profile, of a fit on all."""
    model = fitter(visits.rows(views[0] for views in shown), seed)
    enrolled = [model.enrol(model.embed(v.features)) for v, *_ in shown if len(v.ended_s) >= READY_STROKES]
    kept, features = enrolled[0][0], shown[0][0].features
    return {
        "stroke_us": _microseconds(lambda: _together(model, kept, features[:1])),
        "batch_us": _microseconds(lambda: _together(model, kept, features[:BATCH])),
        "profile_bytes": max(size for _, size in enrolled),
    }


def _together(model: Method, kept: Any, features: Floats) -> float:
    every: Part = np.arange(len(features))
    return float(model.scores(kept, model.embed(features), [every])[0])


def _microseconds(call: Callable[[], Any], rounds: int = 50) -> float:
    """Return the median of many calls."""
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun)
    return round(float(np.median(took)) * 1e6, 1)
