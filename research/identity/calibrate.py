"""Calibrates the background model on people that it was not fitted on: folds of the background people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from flask_zerotrust import identity
from flask_zerotrust.identity.evidence import Identity
from flask_zerotrust.movement import INSTRUMENT_NAMES
from flask_zerotrust.risk import level as risk
from flask_zerotrust.web.recognition import RECOGNISED
from research.identity import evaluate, fit, others, visits
from research.identity.fit import Floats
from research.identity.visits import Visit

FOLDS = 5
#: How often the people are dealt into folds anew.
DEALS = 4
#: Names of what :func:`.visits.views` returns, in order.
VIEWS = ("as_recorded", "same_device", "changed_device")
_DEVICE = len(INSTRUMENT_NAMES)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One visit against one profile.

    Attributes
    ----------
    said : ndarray, shape (n,)
        What the strokes say, in time order: log-likelihood ratios another person / the owner.
    together : ndarray, shape (n,)
        The ratio of the mean of all strokes so far, after each of them.
    other : bool
        It is somebody else's visit.
    view : int
        Which of ``VIEWS`` both visits were shown in.
    """

    said: Floats
    together: Floats
    other: bool
    view: int


def fold_trials(
    shown: list[tuple[Visit, ...]], *, seed: int, dimensions: int = fit.DIMENSIONS
) -> list[Trial]:
    """Return uncalibrated trials within every fold of people, by a model fitted to the other folds.

    Parameters
    ----------
    shown : list of tuple of Visit
        What :func:`.visits.views` returned: each visit, as in ``VIEWS``.
    """
    users = np.array(sorted({views[0].user for views in shown}, key=int))
    dealt = np.random.default_rng(seed).permutation(users)
    trials: list[Trial] = []
    for k in range(FOLDS):
        left = set(dealt[k::FOLDS].tolist())
        known = [one for views in shown if views[0].user not in left for one in views]
        model = others.uncalibrated(fit.fit(visits.rows(known), dimensions=dimensions))
        for view in range(len(VIEWS)):
            trials += pairs([views[view] for views in shown if views[0].user in left], model, view)
    return trials


def pairs(seen: list[Visit], model: identity.Background, view: int) -> Iterator[Trial]:
    """Yield every short visit against every long one that makes a profile ready."""
    for enrolled in seen:
        profile = _learnt(enrolled, model) if enrolled.session.endswith("3min") else None
        if profile is None or not identity.ready(profile):
            continue
        for tested in seen:
            if tested.session.endswith("1min") and len(tested.ended_s):
                said = [identity.compare(profile, rows, background=model) for rows in _batches(tested)]
                together = evaluate.ratios(model, enrolled, tested)
                yield Trial(np.concatenate(said), together, tested.user != enrolled.user, view)


def line(trials: list[Trial]) -> tuple[float, float]:
    """Return slope and offset for what a stroke says; both kinds of trial weigh the same."""
    said = np.concatenate([t.said for t in trials])
    sizes = [t.said.size for t in trials]
    other = np.repeat([t.other for t in trials], sizes)
    weight = np.repeat([1.0 / size for size in sizes], sizes)
    for kind in (False, True):
        weight[other == kind] /= weight[other == kind].sum()
    model = LogisticRegression(C=np.inf).fit(said[:, None], other, sample_weight=weight * said.size / 2)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def outcome(trials: list[Trial], slope: float, offset: float) -> dict[str, object]:
    """Return what the product would make of the trials, by view, with the thresholds that ship."""
    enough = risk.SURE_LOG_ODDS - risk.OTHER_PRIOR_LOG_ODDS
    told: dict[str, object] = {"high_from_log_odds": round(enough, 3), "recognised_to": RECOGNISED}
    for view, name in enumerate(VIEWS):
        paths = {
            other: [evidence(t, slope, offset) for t in trials if t.view == view and t.other == other]
            for other in (False, True)
        }
        own, others = paths[False], paths[True]
        told[name] = {
            "owners": len(own),
            "owners_high": _share([path.max() >= enough for path in own]),
            "owners_strokes_recognised": _share([(path <= RECOGNISED).mean() for path in own]),
            "others": len(others),
            "others_high": _share([path.max() >= enough for path in others]),
            "others_who_teach": _share([(path <= RECOGNISED).any() for path in others]),
        }
    return told


def evidence(trial: Trial, slope: float, offset: float) -> Floats:
    """Return the evidence of another person after each stroke, shape (n,), in log-odds."""
    known, path = Identity(), []
    for stroke in (slope * trial.said + offset).tolist():
        known = known.add([stroke])
        path.append(known.log_odds)
    return np.array(path)


def _share(values: Sequence[float] | Sequence[np.bool_]) -> float:
    return round(float(np.mean(values)), 4)


def _learnt(visit: Visit, model: identity.Background) -> identity.Profile | None:
    profile = None
    for rows in _batches(visit):
        profile = identity.learn(profile, rows, now=0.0, background=model)
    return profile


def _batches(visit: Visit) -> list[Floats]:
    """Return the strokes of each batch, by the columns of the device: they are constant within one."""
    device = visit.features[:, -_DEVICE:]
    cuts = np.flatnonzero((device[1:] != device[:-1]).any(axis=1)) + 1
    return [rows for rows in np.split(visit.features, cuts) if len(rows)]
