"""Writes detection.md from the figures that the last ``make evaluate`` kept.

usage: python docs/make_detection.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask_zerotrust.training.report import tables, targets

DOCS = Path(__file__).resolve().parent
KEPT = DOCS / "evaluation.json"
IDENTITY = DOCS / "identity.json"
PAGE = DOCS / "detection.md"


def page(report: dict[str, Any]) -> str:
    """Return the page."""
    method = report["method"]
    wanted = targets.table(report, json.loads(IDENTITY.read_text(encoding="utf-8")))
    sections = "\n\n".join(_section(table) for table in [wanted, *tables.every(report)])
    return f"""# Detection

Written by `docs/make_detection.py` from `docs/evaluation.json`, which `make evaluate` measures; nothing is
typed by hand. The report with the curves, `build/evaluation/report.html`, comes from the same run. Targets
about *another person* are measured apart ([Identity](identity.md)).

Model: {report["model"]["name"]}, manifest SHA-256 `{report["model"]["sha256"]}`. Seed {method["seed"]},
simulated visits {method["seed_of_simulated"]}, {method["rounds"]} bootstrap rounds, 95 % intervals: people
are drawn whole, bots by session. Whom the model was trained on, who is absent, and why the public
generators and KH2017 are **not blind**, stands in the
[Model card](model-card.md#what-was-looked-at-during-development).

*Unseen implementation*: a simulated family of ours uses the same kind of algorithm. *Unseen algorithm*:
none does. *Seen*: our own families, other visits than those trained on. *Made from recordings*: replays and
morphs of people; movement alone cannot tell them from people and is not meant to.

Shown, but pooled with no other set: {_apart(report)}.

{sections}
"""


def _apart(report: dict[str, Any]) -> str:
    return "; ".join(f"{name} ({why})" for name, why in report["apart"].items())


def _section(table: tables.Table) -> str:
    return f"## {table.title}\n\n{tables.markdown(table)}"


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(KEPT.read_text(encoding="utf-8"))), encoding="utf-8")
