"""Scored sessions added up: how often each kind of visitor is asked for a code, and how sure that is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from flask_zerotrust.training.evaluate import COUNTS, upper_bound

#: Moments of a session at which it is looked at, as keys of ``after``.
MOMENTS = (*map(str, COUNTS), "all")


def summarise(scored: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield one row for every label and source among scored sessions, sorted.

    ``after`` counts, of the sessions that reach so many strokes, those asked for a code and why:
    ``unknown`` (too little evidence) or suspicious (the rest). ``upper_95`` bounds the true share of
    visitors with a suspicious session: the sessions of one user are one witness, not many.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in scored:
        groups[line["label"] or "unlabelled", line["source"]].append(line)
    for (label, source), lines in sorted(groups.items()):
        yield {
            "label": label,
            "source": source,
            "sessions": len(lines),
            "users": len({line["user"] for line in lines if line["user"] is not None}),
            "after": {moment: _moment(lines, moment) for moment in MOMENTS},
        }


def table(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the rows as lines of text: of the sessions that get there, the share asked for a code."""
    yield f"{'label':<11}{'source':<24}{'sessions':>8}  " + "".join(f"{m:>18}" for m in MOMENTS)
    for row in rows:
        cells = "".join(f"{_cell(row['after'][m]):>18}" for m in MOMENTS)
        yield f"{row['label']:<11}{row['source'][:23]:<24}{row['sessions']:>8}  {cells}"
    yield "asked for a code / sessions with so many strokes (of these, for want of evidence only)"


def _moment(lines: list[dict[str, Any]], moment: str) -> dict[str, Any]:
    there = [line for line in lines if moment in line["after"]]
    reached = [line["after"][moment] for line in there]
    challenged = sum(entry["step_up"] for entry in reached)
    unknown = sum(entry["step_up"] and entry["level"] == "unknown" for entry in reached)
    suspicious = challenged - unknown
    visitors = {_visitor(line) for line in there}
    suspects = {
        _visitor(line)
        for line, entry in zip(there, reached, strict=True)
        if entry["step_up"] and entry["level"] != "unknown"
    }
    return {
        "sessions": len(reached),
        "step_up": challenged,
        "unknown": unknown,
        "suspicious_share": suspicious / len(reached) if reached else None,
        "upper_95": upper_bound(len(suspects), len(visitors)) if reached else None,
    }


def _visitor(line: dict[str, Any]) -> tuple[str, str]:
    return ("user", line["user"]) if line["user"] is not None else ("session", line["session"])


def _cell(moment: dict[str, Any]) -> str:
    if not moment["sessions"]:
        return "-"
    unknown = f" ({moment['unknown']})" if moment["unknown"] else ""
    return f"{moment['step_up']}/{moment['sessions']}{unknown}"
