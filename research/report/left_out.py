"""What smaller models say of people of a data set that none of them saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.training import fit
from research import recipe
from research.report import sessions
from research.report.results import Progress
from research.report.trace import trace

# A smaller fit than the one that ships, so that it takes minutes.
BOTS = 300
TREES = 60
NOTE = (
    f"Smaller models than the one that ships ({TREES} trees, {BOTS} visits of bots, one rendered view of "
    "each person and one under bad conditions), each fitted without one data set of people, thresholds set "
    "as always; KH2017 and the slider set are never trained on, so their figures above are of this kind "
    "too. People as captured; "
    "counts as in the tables of false step-ups."
)


def measure(
    folder: str | Path, *, seed: int, jobs: int, progress: Progress | None = None
) -> dict[str, Any]:
    """Return false step-ups on each data set of people by a model fitted without it."""
    people = list(recipe.people(folder))
    bots, calibration = list(recipe.bots(n=BOTS)), list(recipe.calibration(folder))
    out: dict[str, Any] = {}
    for name in sorted({r.source for r in people}):
        rest = [r for r in people if r.source != name]
        held = [r for r in people if r.source == name]
        out[name] = _one([*rest, *bots], held, calibration, seed=seed, jobs=jobs, progress=progress)
    return {"note": NOTE, "people": out}


def _one(
    shown: list[Recording],
    held: list[Recording],
    calibration: list[Recording],
    *,
    seed: int,
    jobs: int,
    progress: Progress | None,
) -> dict[str, Any]:
    model = fit.train(
        shown,
        seed=seed,
        jobs=jobs,
        person_views=1,
        rough_views=1,
        trees=TREES,
        calibration=calibration,
        progress=progress,
    )
    scorer = model.scorer()
    return sessions.figures([trace(r, scorer) for r in held], seed=seed, persons=True)
