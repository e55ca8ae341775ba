"""Writes the tables of performance.md from what the last ``make bench`` and ``make page-time`` kept.

usage: python docs/make_performance.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
KEPT = DOCS / "benchmarks.json"
IN_PAGE = DOCS / "page-time.json"
PAGE = DOCS / "research" / "performance.md"
_CELLS = ("figure", "found", "target", "verdict")
START, END = "<!-- figures: start -->", "<!-- figures: end -->"

# What the medians are called in the second table; what is not named, or was not measured, is not shown.
_JOBS = {
    ("collectors", "bare"): "bare session POST",
    ("collectors", "core"): "collector, 600 events",
    ("collectors", "core_2000"): "collector, 2,000 events",
    ("collectors", "memory"): "with replay memory",
    ("collectors", "identity"): "with identity",
    ("collectors", "both"): "with both",
    ("redis", "few"): "on Redis, the server's time included",
    ("collectors", "naive"): "naive collector, 600 events",
    ("views", "plain"): "undecorated view",
    ("views", "guarded"): "guarded view",
    ("features", "ours"): "features, 600 events",
    ("features", "naive"): "naive features, 600 events",
    ("scorers", "ours"): "score, 1 row",
    ("scorers", "sklearn"): "predict_proba, 1 row",
    ("rivals", "ours"): "features and score, 600 events",
    ("rivals", "synapse"): "synapse-shield's analyze_behavior, 600 events",
}


def kept() -> dict[str, Any]:
    """Return what was measured, with the figures of a real browser where there are any."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    if IN_PAGE.is_file():
        found["figures"] += json.loads(IN_PAGE.read_text(encoding="utf-8"))["figures"]
    return found


def page(text: str, found: dict[str, Any]) -> str:
    """Return the page with fresh tables between its marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{_tables(found)}\n{END}{after}"


def _tables(found: dict[str, Any]) -> str:
    machine = found["machine"]
    on = [f"{name} {machine[name]}" for name in ("python", "flask", "numpy", "scikit-learn")]
    lines = [
        f"Medians of {found['rounds']} rounds; {machine['cores']} core(s), {', '.join(on)}.",
        "",
        "| figure | measured | target | |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row[cell] for cell in _CELLS)} |" for row in found["figures"]),
        "",
        "| CPU time | us |",
        "|---|---|",
        *(
            f"| {name} | {1e6 * found['medians'][group][job]:,.0f} |"
            for (group, job), name in _JOBS.items()
            if job in found["medians"].get(group, {})
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), kept()), encoding="utf-8")
