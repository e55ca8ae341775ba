"""The comparison: all models on the same folds of people and families, thresholds from other people."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flask_zerotrust import simulate
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.training import calibration as calibrate
from flask_zerotrust.training import fit, session_model
from flask_zerotrust.training.session_model import Seconds
from flask_zerotrust.training.stretches import Stretches, cut
from flask_zerotrust.training.table import Floats, Table, tabulate
from research import recipe
from research.models_compared.profiles import describe
from research.models_compared.strokes import FITTERS, Stroke

#: Families and people are dealt into so many folds; each is judged by models that saw neither.
FOLDS = 5
#: Share of calibration people that a threshold asks.
FALSE_SHARE = 0.01
BOTS = 630
# Those that mix other families are held out with them in other folds: no test of the unseen.
MIXED = ("mixture", "mixed_visit")
_BATCH = 10
#: Numbers of strokes at which sessions are judged.
LENGTHS = (3, 5, 10, 20)
#: Models whose log-odds are averaged, and those that get a second model on top.
BLENDS = (("trees", "network on profile"), ("trees", "network on features"))
SECOND = ("trees", "trees + network on features")

Progress = Callable[[str, int, int], None]
Json = dict[str, Any]


def corpus(folder: str | Path) -> tuple[list[Recording], dict[str, list[Recording]], list[Recording]]:
    """Return what is fitted on, the sets of people that are reported on, and those that set thresholds.

    Balabit is left out of the fit: a whole data set that no model has seen.
    """
    known = list(recipe.people(folder))
    fitted = [r for r in known if r.source != "balabit"]
    strangers = list(recipe.held_out(folder))
    sets = {
        "sapimouse held out": [r for r in strangers if r.source == "sapimouse"],
        "kh2017": [r for r in strangers if r.source != "sapimouse"],
        "balabit": [r for r in known if r.source == "balabit"],
    }
    return [*fitted, *recipe.bots(n=BOTS)], sets, list(recipe.calibration(folder))


def compare(
    fitted: list[Recording],
    sets: dict[str, list[Recording]],
    calibration: list[Recording],
    *,
    seed: int,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Json:
    """Return, by model and number of strokes, bots stopped and people asked, and what a batch costs.

    Thresholds ask ``FALSE_SHARE`` of the people of the fit, scored by models that did not see them, and of
    ``calibration``; nobody of ``sets`` has a part in them.
    """
    table = tabulate(
        fitted, seed=seed, jobs=jobs, person_views=1, rough_views=1, describe=describe, progress=progress
    )
    shown = {name: _as_captured(found, jobs) for name, found in sets.items()}
    shown["_calibration"] = _as_captured(calibration, jobs)
    fold = fit.dealt(table, FOLDS)
    scored: dict[str, Scored] = {}
    for number, (name, fitter) in enumerate(FITTERS.items(), 1):
        scored[name] = _scored(table, fold, shown, fitter, seed)
        if progress is not None:
            progress("models", number, len(FITTERS))
    for names in BLENDS:
        scored[" + ".join(names)] = _blend([scored[name] for name in names])
    models = {name: _judged(table, fold, one, shown, None) for name, one in scored.items()}
    for name in SECOND:
        models[f"{name} + second level"] = _judged(table, fold, scored[name], shown, seed)
    return {
        "folds": FOLDS,
        "false_share": FALSE_SHARE,
        "strokes": {"people": int((~table.bot).sum()), "bots": int(table.bot.sum())},
        "families": int(np.unique(table.group[table.bot]).size),
        "models": models,
    }


def _as_captured(found: list[Recording], jobs: int) -> Table:
    return tabulate(found, seed=0, jobs=jobs, render=False, describe=describe)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Calibrated log-odds: of the table out of fold, of the sets by a fit on all; and us for a batch."""

    said: Floats
    sets: dict[str, Floats]
    cost_us: float


def _scored(
    table: Table, fold: Any, shown: dict[str, Table], fitter: Callable[[Table, int], Stroke], seed: int
) -> Scored:
    raw = np.zeros(len(table))
    for k in range(FOLDS):
        model = fitter(table.part((fold != k) & (table.group != simulate.ALL_IN_ONE)), seed)
        raw[fold == k] = model(table.features[fold == k])
    whole = fitter(table, seed)
    knots, at = calibrate.log_odds(raw, table.bot, fit.weights(table))
    sets = {name: np.interp(whole(one.features), knots, at) for name, one in shown.items()}
    batch = table.features[:_BATCH]
    return Scored(np.interp(raw, knots, at), sets, _microseconds(lambda: whole(batch)))


def _blend(among: list[Scored]) -> Scored:
    """Return the mean of what several models say."""
    n = len(among)
    return Scored(
        np.sum([one.said for one in among], axis=0) / n,
        {name: np.sum([one.sets[name] for one in among], axis=0) / n for name in among[0].sets},
        sum(one.cost_us for one in among),
    )


def _judged(table: Table, fold: Any, of: Scored, shown: dict[str, Table], seed: int | None) -> Json:
    """Return figures by number of strokes; with a seed, those of a model of sessions on top."""
    top = None if seed is None else session_model.train(table, of.said, fold, seed=seed)
    own_us = 0.0 if top is None else _cost_of(top, cut(table, of.said, LENGTHS[0]))
    out: Json = {"cost_us": round(of.cost_us + own_us, 1)}
    for length in LENGTHS:
        own = cut(table, of.said, length)
        if own.bot.any() and not own.bot.all():
            sets = {name: cut(one, of.sets[name], length) for name, one in shown.items()}
            out[str(length)] = _at(own, sets, top)
    return out


def _at(own: Stretches, sets: dict[str, Stretches], top: Seconds | None) -> Json:
    """Return figures at one number of strokes, by the sum of what they say or by a model of sessions."""
    if top is None:
        value, of = own.said.mean(axis=1), {name: one.said.mean(axis=1) for name, one in sets.items()}
    else:
        value = top.held_out(own).together
        of = {name: top.told(one).together for name, one in sets.items()}
    human = ~own.bot
    setters = np.concatenate([value[human], of["_calibration"]])
    groups = np.concatenate([own.group[human], sets["_calibration"].group])
    at = calibrate.quantile(groups.tolist(), setters.tolist(), FALSE_SHARE)
    stopped = {
        name: round(float((value[own.group == name] > at).mean()), 4)
        for name in np.unique(own.group[own.bot]).tolist()
    }
    steady = {name: share for name, share in stopped.items() if name not in MIXED}
    worst = min(steady, key=lambda name: steady[name])
    return {
        "stopped_mean": round(float(np.mean(list(steady.values()))), 4),
        "worst": {"family": worst, "share": steady[worst]},
        "families": stopped,
        "people": {
            name: {"stretches": int(v.size), "asked": int((v > at).sum())}
            for name, v in of.items()
            if name != "_calibration"
        },
    }


def _cost_of(top: Seconds, runs: Stretches) -> float:
    return _microseconds(lambda: top.whole.log_odds(runs.sums[:1]))


def _microseconds(call: Callable[[], Any], rounds: int = 200) -> float:
    """Return the median of many calls."""
    took = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        took.append(time.perf_counter() - begun)
    return float(np.median(took)) * 1e6
