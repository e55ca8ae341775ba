"""All figures of docs/research/identity.md: both data sets, and other methods on background people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from flask_zerotrust import identity
from research.identity import calibrate, evaluate, recipe, visits
from research.identity.calibrate import VIEWS, Trial
from research.identity.visits import Visit
from research.recipe import needed

Json = dict[str, Any]
DIMENSIONS = (12, 24, 36)
#: Share of owners that an alternative may take for somebody else when alternatives are compared.
OWNERS = 0.02


def measure(path: Path) -> Json:
    """Return everything that is measured of the background model that ships; minutes of work.

    Parameters
    ----------
    path : Path
        Folder with the archives of SapiMouse and Balabit.
    """
    needed(path)
    model = identity.load_background()
    return {
        "model": {"version": model.version, "calibration": model.manifest["provenance"]["calibration"]},
        "product": product(model, recipe.shown(path, held_out=True)),
        "sapimouse": evaluate.sapimouse(path),
        "balabit": evaluate.balabit(path),
        "tried": tried(recipe.shown(path)),
    }


def product(model: identity.Background, shown: list[tuple[Visit, ...]]) -> Json:
    """Return what the product would make of everybody's short visit after everybody's long one."""
    trials = [
        trial
        for view in range(len(VIEWS))
        for trial in calibrate.pairs([views[view] for views in shown], model, view)
    ]
    return calibrate.outcome(trials, 1.0, 0.0)


def tried(shown: list[tuple[Visit, ...]]) -> Json:
    """Return, by number of dimensions and view, how strokes added up and strokes taken together do."""
    told: Json = {}
    for dimensions in DIMENSIONS:
        trials = calibrate.fold_trials(shown, seed=visits.SEED, dimensions=dimensions)
        told[str(dimensions)] = {
            name: _both([t for t in trials if t.view == view]) for view, name in enumerate(VIEWS)
        }
    return told


def _both(trials: list[Trial]) -> Json:
    other = np.array([t.other for t in trials])
    ways = {
        "added": [np.clip(t.said, -3.0, 3.0).cumsum() for t in trials],
        "together": [t.together for t in trials],
    }
    told: Json = {"owners": int((~other).sum()), "others": int(other.sum())}
    for way, paths in ways.items():
        ends, most = (np.array([pick(path) for path in paths]) for pick in (lambda p: p[-1], np.max))
        level = np.sort(most[~other])[::-1][int(OWNERS * (~other).sum())]
        told[way] = {
            "auc_at_end": round(float(roc_auc_score(other, ends)), 4),
            "others_ever_above": round(float((most[other] > level).mean()), 4),
        }
    return told
