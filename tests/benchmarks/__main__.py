"""Measures every figure of docs/performance.md that can be measured here: ``make bench``.

CPU time of one process, jobs taken in turn, medians. Ratios hold within one run; nothing in the test
suite asserts them.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Before numpy: threads would make a ratio one of machines.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

KEPT = Path(__file__).parents[2] / "docs" / "benchmarks.json"


def measure(rounds: int) -> dict[str, Any]:
    """Return medians in microseconds, and every figure with its target."""
    from . import figures, parts, requests, rivals
    from .timing import medians, nothing

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


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    libraries = ("flask", "numpy", "scikit-learn")
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
    }


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", type=Path, default=KEPT, help="where to keep the figures")
    args = parser.parse_args()
    found = measure(args.rounds)
    args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for row in found["figures"]:
        print(f"{row['figure']:78s}{row['found']:>12s}   {row['target']:>10s}   {row['verdict']}")


if __name__ == "__main__":
    main()
