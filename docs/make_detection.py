"""Writes detection.md from the figures that the last ``make evaluate`` kept.

usage: python docs/make_detection.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from research.report import tables, targets

DOCS = Path(__file__).resolve().parent
KEPT = DOCS / "evaluation.json"
REPLAYS = DOCS / "replays.json"
MEMORY_PAGE = DOCS / "research" / "replay-memory.md"
START, END = "<!-- figures: start -->", "<!-- figures: end -->"
PAGE = DOCS / "research" / "detection.md"


def page(report: dict[str, Any]) -> str:
    """Return the page."""
    method = report["method"]
    if REPLAYS.is_file():
        report = {**report, "replays_known": json.loads(REPLAYS.read_text(encoding="utf-8"))}
    people, tools = _kept("people.json"), _kept("browsers.json")
    aims = targets.table(report, _kept("identity.json"), people=people, tools=tools)
    sections = "\n\n".join(_section(table) for table in [aims, *tables.every(report)])
    return f"""# Detection

Written by `docs/make_detection.py` from what `make evaluate` measures, nothing typed by hand: the model on
recordings (`docs/evaluation.json`), with a data set left out (`docs/left-out.json`), replays
(`docs/replays.json`, [Replay memory](replay-memory.md)), another person (`docs/identity.json`,
[Identity](identity.md)), people and automation tools in real browsers (`docs/people.json`,
`docs/browsers.json`). The report with the curves, `build/evaluation/report.html`, comes from the same run.

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


def _kept(name: str) -> dict[str, Any] | None:
    """Return what was measured in real browsers; None where nobody has yet."""
    file = DOCS / name
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def memory_page(text: str, figures: dict[str, Any]) -> str:
    """Return the page of the replay memory with a fresh table between its marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    kept = figures["memory"]
    lines = [
        f"{kept['strokes']:,} strokes of {kept['visits']:,} visits of {kept['people']} people in memory; "
        f"seed {figures['seed']}. Caught of stretches, each begun afresh [95 % interval by person]:",
        "",
        "| what | 5 strokes | 10 strokes | 20 strokes |",
        "|---|---|---|---|",
    ]
    rows = {f"played again: {kind}": found for kind, found in figures["replays"].items()}
    rows |= {f"people: {name}": found for name, found in figures["genuine"].items()}
    for name, found in rows.items():
        cells = (_caught(found.get(count)) for count in ("5", "10", "20"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return f"{before}{START}\n" + "\n".join(lines) + f"\n{END}{after}"


def _caught(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    share = f"{found['share']:.4g} [{found['interval'][0]:.4g}, {found['interval'][1]:.4g}]"
    return f"{found['caught']} of {found['stretches']}: {share}"


def _apart(report: dict[str, Any]) -> str:
    return "; ".join(f"{name} ({why})" for name, why in report["apart"].items())


def _section(table: tables.Table) -> str:
    return f"## {table.title}\n\n{tables.markdown(table)}"


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(KEPT.read_text(encoding="utf-8"))), encoding="utf-8")
    replays = json.loads(REPLAYS.read_text(encoding="utf-8"))
    MEMORY_PAGE.write_text(memory_page(MEMORY_PAGE.read_text(encoding="utf-8"), replays), encoding="utf-8")
