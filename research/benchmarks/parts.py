"""What single parts cost, against what one would take in their place."""

from __future__ import annotations

import gzip
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

import flask_zerotrust
from flask_zerotrust import movement
from flask_zerotrust.risk import model as scoring
from flask_zerotrust.training.trees import flatten
from research.benchmarks import naive, sites
from research.benchmarks.timing import Job

_PACKAGE = Path(flask_zerotrust.__file__).parent
# Names stay long where a minifier would shorten them, which adds three tenths (tests/browser).
_LONG_NAMES = 1.3


def model() -> tuple[HistGradientBoostingClassifier, scoring.Trees]:
    """Return boosted trees as many and as deep as those that ship, fitted on noise, and the same flat."""
    shipped = scoring.load_bundle().trees
    trees = shipped.leaf.size // 2**shipped.depth
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(4_000, len(movement.FEATURE_NAMES)))
    labels = (rows[:, :8].sum(axis=1) + rng.normal(size=len(rows)) > 0).astype(int)
    fitted = HistGradientBoostingClassifier(
        max_iter=trees, max_depth=shipped.depth, max_leaf_nodes=None, early_stopping=False, random_state=7
    ).fit(rows, labels)
    return fitted, flatten(fitted, depth=shipped.depth)


def scorer_jobs(fitted: Any, trees: scoring.Trees) -> dict[str, Job]:
    """Return the score of one row, by our trees and by those of scikit-learn."""
    one = _rows(fitted)[:1]
    return {"ours": lambda: trees.raw(one), "sklearn": lambda: fitted.predict_proba(one)}


def difference(fitted: Any, trees: scoring.Trees) -> float:
    """Return the largest difference between the raw scores of both, over a thousand rows."""
    rows = _rows(fitted)
    return float(np.abs(trees.raw(rows) - fitted.decision_function(rows)).max())


def _rows(fitted: Any) -> NDArray[np.float64]:
    return np.random.default_rng(8).normal(size=(1_000, fitted.n_features_in_))


def feature_jobs() -> dict[str, Job]:
    """Return the features of 600 events, ours and as one would write them first."""
    strokes = movement.split(sites.movement(600, 10))
    return {"ours": lambda: movement.extract(strokes), "naive": lambda: naive.features(strokes)}


def script_bytes() -> int:
    """Return what the collector's script weighs zipped, without comments and blanks."""
    source = (_PACKAGE / "static" / "collector.js").read_text(encoding="utf-8")
    bare = re.sub(r"(^|\s)//.*$", "", source, flags=re.MULTILINE)
    squeezed = re.sub(r"\s*([^\w$\s])\s*", r"\1", re.sub(r"\s+", " ", bare))
    return round(len(gzip.compress(squeezed.encode(), 9)) / _LONG_NAMES)


_START = """
import json, resource, sys, time
import flask
def used():
    with open("/proc/self/statm") as file:
        return time.process_time(), int(file.read().split()[1]) * resource.getpagesize()
app = flask.Flask("started", instance_path=sys.argv[1])
app.config.update(SECRET_KEY="first-key")
cpu_s, octets = used()
from flask_zerotrust import ZeroTrust
zt = ZeroTrust(app)
cpu_after_s, octets_after = used()
print(json.dumps([cpu_after_s - cpu_s, octets_after - octets]))
"""


def start(folder: Path, rounds: int) -> dict[str, float]:
    """Return what importing and setting up the extension takes over Flask alone: CPU in s, memory in MB."""
    folder.mkdir()
    command = [sys.executable, "-c", _START, str(folder)]
    found = [json.loads(subprocess.check_output(command)) for _ in range(rounds)]
    cpu_s, octets = (statistics.median(column) for column in zip(*found, strict=True))
    return {"cpu_s": cpu_s, "mb": octets / 1e6}
