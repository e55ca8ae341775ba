"""Scoring 600 events from end to end, ours and what others publish; installed by ``make bench`` alone."""

from __future__ import annotations

import importlib
import importlib.util
import os
import warnings
from pathlib import Path

from flask_zerotrust import movement
from flask_zerotrust.movement import wire
from flask_zerotrust.risk import model as scoring
from research.benchmarks import sites
from research.benchmarks.timing import Job


def jobs(folder: Path) -> dict[str, Job]:
    """Return what turns the same 600 events into a score; nothing where no rival is installed.

    synapse-shield's ``analyze_behavior`` (compiled features, a small network, rules) takes a visit as JSON
    objects and gives one risk. Ours takes the arrays of a batch and gives the log-odds of each stroke.
    Reading either off the wire is in neither.
    """
    if importlib.util.find_spec("synapse_shield") is None:
        return {}
    # Else it keeps a key in the home folder and a database beside other people's.
    os.environ.setdefault("SYNAPSE_SECRET_KEY", "benchmarks")
    os.environ.setdefault("SYNAPSE_DB_PATH", str(folder / "synapse.sqlite"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        analyse = importlib.import_module("synapse_shield").analyze_behavior
    batch, bundle = sites.movement(600, 10), scoring.load_bundle()
    visit = _as_visit(batch)
    return {
        "ours": lambda: bundle.log_odds(movement.extract(movement.split(batch))),
        "synapse": lambda: analyse(visit),
    }


def _as_visit(batch: wire.EventBatch) -> dict[str, object]:
    """Return the events as its script would send them, from an ordinary browser."""
    moves = zip(batch.x.tolist(), batch.y.tolist(), batch.t_ms.tolist(), strict=True)
    return {
        "mouse_movements": [{"x": x, "y": y, "t": t} for x, y, t in moves],
        "clicks": [],
        "keystrokes": [],
        "scrolls": [],
        "browser": {"webdriver": False, "screen_width": 1280, "screen_height": 720, "plugins_length": 5},
    }
