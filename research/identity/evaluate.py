"""How well the owner of a profile is told from others, on published data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from flask_zerotrust import identity
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.movement import INSTRUMENT_NAMES
from flask_zerotrust.recordings.files import Recording
from research.identity import fit, others, visits
from research.identity.visits import Visit

Json = dict[str, Any]
SECONDS = (10, 15, 30, 60, 120)
STROKES = (1, 5, 10, 20, 40)
_DEVICE = len(INSTRUMENT_NAMES)
# Users of Balabit sampled near 16 ms, and the interval in log2 ms below which a session is.
_FAST_USERS = ("7", "20")
_FAST = np.log2(30.0)

# How the movement is seen: by the device that each person had, and by one that is the same for everybody.
_SEEN: dict[str, Callable[[Recording], Recording]] = {
    "as_recorded": lambda recording: recording,
    "re_rendered": visits.same_device,
}

Trial = tuple[Visit, Visit, bool]  # enrolled, tested, somebody else
Score = Callable[[Visit, Visit], float]


def sapimouse(path: str | Path, *, background: str | Path | None = None) -> Json:
    """Enrol people new to the background on their 3-minute visit; test everybody's 1-minute visit."""
    model = others.chosen(background)
    people = others.unseen("sapimouse", visits.read("sapimouse", path), model)
    report: Json = {"people": len({r.user for r in people}), "protocol": sapimouse.__doc__}
    for name, seen in _SEEN.items():
        shown = [visits.visit(seen(r)) for r in people]
        enrolled = [v for v in shown if v.session.endswith("3min")]
        tested = [v for v in shown if v.session.endswith("1min")]
        trials = [(e, t, e.user != t.user) for e in enrolled for t in tested]
        report[name] = figures(_both_kinds(trials), lambda e, t: ratio(model, e, t))
    return {**report["re_rendered"], "open_set": report["re_rendered"]["by_strokes"], **report}


def balabit(path: str | Path, *, background: str | Path | None = None) -> Json:
    """Enrol Balabit's users on their training sessions and test its labelled test sessions.

    The global figures are of a model fitted to the training sessions of all these users, impostors
    included, and to nobody else. The open set is of the background model, which knows none of them.
    """
    model = others.chosen(background)
    found = visits.read("balabit", path)
    if len(others.unseen("balabit", found, model)) < len(found):
        raise ConfigError("The background model has seen people of this challenge. Name another one.")
    recorded = [visits.visit(r) for r in found]
    quick = {v.session for v in recorded if v.user in _FAST_USERS and _interval(v) < _FAST}
    report: Json = {"people": len({v.user for v in recorded}), "protocol": balabit.__doc__}
    for name, seen in _SEEN.items():
        shown = recorded if name == "as_recorded" else [visits.visit(seen(r)) for r in found]
        report[name] = _challenge(shown, model, quick)
    return {**report["as_recorded"], **report}


def _challenge(shown: list[Visit], model: identity.Background, quick: set[str]) -> Json:
    training = [v for v in shown if "-training-" in v.session and len(v.ended_s)]
    tested = [v for v in shown if "-test-" in v.session and v.label]
    enrolled = {
        user: _joined([v for v in training if v.user == user]) for user in {v.user for v in training}
    }
    trials = _both_kinds(
        [(enrolled[t.user], t, t.label == "impostor") for t in tested if t.user in enrolled]
    )
    cohort = _fitted(model, visits.rows(training))
    alike = [t for t in tested if t.label == "human" and t.session in quick]
    fast = [(enrolled[u], t, t.user != u) for u in _FAST_USERS if u in enrolled for t in alike]
    return {
        **figures(trials, lambda e, t: ratio(cohort, e, t)),
        "open_set": figures(trials, lambda e, t: ratio(model, e, t)),
        "equal_rates": figures(fast, lambda e, t: ratio(model, e, t)),
        "equal_rates_cohort": figures(fast, lambda e, t: ratio(cohort, e, t)),
    }


def ratio(model: identity.Background, enrolled: Visit, tested: Visit) -> float:
    """Return the log-likelihood ratio another person / the owner of all strokes taken together."""
    return float(ratios(model, enrolled, tested)[-1])


def ratios(model: identity.Background, enrolled: Visit, tested: Visit) -> NDArray[np.float64]:
    """Return that ratio of the first stroke, the first two and so on, shape (n,)."""
    b, s, w = model.between, model.session, model.within
    known, shown = (model.embed(v.features) for v in (enrolled, tested))
    gain = b / (b + s + w / len(known))
    mean, left = gain * known.mean(axis=0), b * (1.0 - gain)
    count = np.arange(1, len(shown) + 1)[:, None]
    z, noise = shown.cumsum(axis=0) / count, s + w / count
    own, anybody = left + noise, b + noise
    said: NDArray[np.float64] = ((z - mean) ** 2 / own - z**2 / anybody + np.log(own / anybody)).sum(axis=1)
    return 0.5 * said


def trivial(enrolled: Visit, tested: Visit) -> float:
    """Return how far apart sampling rates and screen extents are: the rule that knows no movement."""
    one, other = (np.median(v.features[:, -_DEVICE:], axis=0) for v in (enrolled, tested))
    return float(np.abs(one - other).sum())


def figures(trials: list[Trial], score: Score) -> Json:
    """Return AUC and EER of whole visits, of their beginnings, and per user."""
    trials = [trial for trial in trials if len(trial[0].ended_s) and len(trial[1].ended_s)]
    whole, rule = _rates(trials, score), _rates(trials, trivial)
    users = sorted({e.user for e, _, _ in trials}, key=int)
    return {
        "global_auc": whole["auc"],
        "eer": whole["eer"],
        "baseline_auc": rule["auc"],
        "trials": whole["trials"],
        "per_user": {u: _both([trial for trial in trials if trial[0].user == u], score) for u in users},
        "by_seconds": {
            str(s): _both([(e, t.part(t.ended_s <= s), o) for e, t, o in trials], score) for s in SECONDS
        },
        "by_strokes": {
            str(n): _both([(e, t.part(slice(n)), o) for e, t, o in trials if len(t.ended_s) >= n], score)
            for n in STROKES
        },
    }


def _both_kinds(trials: list[Trial]) -> list[Trial]:
    kinds = {other for e, t, other in trials if len(e.ended_s) and len(t.ended_s)}
    if len(kinds) == 2:
        return trials
    raise ConfigError(
        "This data holds no pair of a long and a short visit of one person beside one of two people "
        "(for Balabit: no training sessions with labelled test sessions of both kinds)."
    )


def _both(trials: list[Trial], score: Score) -> Json:
    return {**_rates(trials, score), "baseline_auc": _rates(trials, trivial)["auc"]}


def _rates(trials: list[Trial], score: Score) -> Json:
    """Return AUC and EER, none where only one kind of visit is left; without strokes no trial."""
    trials = [trial for trial in trials if len(trial[1].ended_s)]
    other = np.array([o for _, _, o in trials], dtype=np.bool_)
    told = {"trials": int(other.size), "others": int(other.sum())}
    if other.all() or not other.any():
        return {"auc": None, "eer": None, **told}
    said = np.array([score(e, t) for e, t, _ in trials])
    return {"auc": round(float(roc_auc_score(other, said)), 4), "eer": _eer(other, said), **told}


def _eer(other: NDArray[np.bool_], said: NDArray[np.float64]) -> float:
    false_alarms, found, _ = roc_curve(other, said)
    at = int(np.argmin(np.abs(false_alarms - (1.0 - found))))
    return round(float((false_alarms[at] + 1.0 - found[at]) / 2.0), 4)


def _fitted(model: identity.Background, rows: fit.Rows) -> identity.Background:
    # The fit returns just the arrays and numbers that a Background has, by name.
    return replace(model, **fit.fit(rows))  # type: ignore[arg-type]


def _joined(several: Iterable[Visit]) -> Visit:
    listed = list(several)
    return Visit(
        listed[0].user,
        listed[0].session,
        listed[0].label,
        np.concatenate([v.features for v in listed]),
        np.concatenate([v.ended_s for v in listed]),
    )


def _interval(visit: Visit) -> float:
    return float(np.median(visit.features[:, -_DEVICE])) if len(visit.ended_s) else np.inf
