"""Measure every figure of docs/research/performance.md that can be measured here: ``make bench``.

CPU time of one process, jobs taken in turn, medians. Ratios hold within one run; nothing in the test
suite asserts them.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from research.benchmarks import figures, parts, requests, rivals
from research.benchmarks.timing import medians, nothing
from research.machine import machine


def measure(rounds: int) -> dict[str, Any]:
    """Return medians in microseconds, and every figure with its target."""
    logging.disable(logging.INFO)
    fitted, trees = parts.model()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {
            "collectors": requests.collectors(folder, rounds, fitted),
            "stores": medians(requests.store_jobs(folder), rounds, check=requests.check),
            "redis": requests.full_redis(folder, rounds),
            # Quick ones, which a slow moment of the machine covers whole: more rounds.
            "views": medians(requests.view_jobs(folder), 4 * rounds, check=requests.check),
            "rivals": medians(rivals.jobs(folder), rounds, check=nothing),
            "start": parts.start(folder / "start", 7),
        }
    scorers = medians(parts.scorer_jobs(fitted, trees), rounds, check=nothing)
    found |= {
        "scorers": scorers | {"difference": parts.difference(fitted, trees)},
        "features": medians(parts.feature_jobs(), rounds, check=nothing),
        "script": {"bytes": parts.script_bytes()},
    }
    return {"rounds": rounds, "machine": machine(), "medians": found, "figures": figures.rows(found)}
