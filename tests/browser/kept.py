"""What was measured in real browsers, kept in docs/ for the tables: tools, and recorded people."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.risk.model import DEFAULT_SHA256

from .harness import find_chromium

#: Layout of the files; raised whenever a key changes its meaning.
SCHEMA = 1
#: Names the file that takes the recorded people; ``make replay`` sets it.
PEOPLE_FILE = "ZEROTRUST_TEST_PEOPLE_FILE"


def person(
    user: str,
    *,
    verdict: str,
    points: Sequence[dict[str, Any]],
    late_s: NDArray[np.float64],
    browser: str = "",
) -> None:
    """Keep how one recorded person fared, where a file for that is named; else do nothing.

    Parameters
    ----------
    verdict : str
        ``passed`` or ``challenged``.
    points : sequence of dict
        What the status line showed, in order: level, risk, strokes. Only changes are kept.
    late_s : ndarray, shape (events,)
        How late each event was given, in seconds.
    browser : str
        Name and version of another browser than Chromium.
    """
    file = os.environ.get(PEOPLE_FILE)
    if not file:
        return
    changes = [{key: p[key] for key in ("strokes", "level", "risk")} for p in points]
    found = {
        "verdict": verdict,
        "strokes": points[-1]["strokes"] if points else 0,
        "points": [p for i, p in enumerate(changes) if i == 0 or p != changes[i - 1]],
        "late_ms": {
            name: round(1e3 * float(np.quantile(late_s, share)), 2)
            for name, share in (("median", 0.5), ("p99", 0.99), ("worst", 1.0))
        },
    }
    put(Path(file), "people", user, found | stamp(browser))


def stamp(browser: str = "") -> dict[str, str]:
    """Return when, with which model and in which browser something is measured; by itself in Chromium."""
    seen = {"browser": browser} if browser else {"chromium": chromium_version(find_chromium())}
    return {"date": datetime.now(UTC).date().isoformat(), "bundle": DEFAULT_SHA256, **seen}


def chromium_version(path: str | None) -> str:
    """Return the number of a Chromium; empty where there is none."""
    if path is None:
        return ""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return next((word for word in said.split() if word[:1].isdigit()), "")


def put(file: Path, kind: str, name: str, found: dict[str, Any]) -> None:
    """Put one entry into the file in place of its older one; what else it holds stays."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"schema": SCHEMA}
    if kept["schema"] != SCHEMA:
        raise ValueError(f"{file.name} has schema {kept['schema']}, not {SCHEMA}: remove it and run again.")
    entries = kept.get(kind, {}) | {name: found}
    kept[kind] = dict(sorted(entries.items()))
    # Beside it first: whoever stops the command leaves a whole file.
    new = file.with_suffix(".new")
    new.write_text(json.dumps(kept, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    new.replace(file)
