"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from research.report import plots, tables

_CSS = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 2rem auto;
  max-width: 75rem; padding: 0 1rem }
h2 { margin-top: 2.5rem } figure { display: inline-block; margin: 0 1rem 1rem 0; max-width: 100% }
svg { max-width: 100%; height: auto } .wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .6rem; text-align: left; white-space: nowrap }
th { position: sticky; top: 0; background: #f5f5f5 } .note { max-width: 50rem; color: #444 }
"""


def write(folder: str | Path, report: dict[str, Any]) -> None:
    """Write report.html and report.json into a folder, which is made."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, allow_nan=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    (folder / "report.html").write_text(html(report), encoding="utf-8")


def html(report: dict[str, Any]) -> str:
    """Return the page."""
    body = "\n".join([_head(report), _plots(report), *map(_table, tables.every(report))])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>How well the model does</title><style>{_CSS}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _head(report: dict[str, Any]) -> str:
    method, model = report["method"], report["model"]
    facts = (
        f"Model {model['name'] or '(unnamed)'}, manifest SHA-256 {model['sha256'] or 'not known'}. "
        f"Seed {method['seed']}, of simulated bots "
        f"{method['seed_of_simulated'] or 'none'}; {method['rounds']} bootstrap rounds; "
        "95 % intervals, people drawn whole, bots by session. "
        f"Shipped thresholds: {json.dumps(method['policy'])}. Unknown is counted apart "
        f"from high everywhere. Pooled with no other set: {json.dumps(report['apart'])}."
    )
    return f'<h1>How well the model does</h1>\n<p class="note">{escape(facts)}</p>'


def _plots(report: dict[str, Any]) -> str:
    drawn = []
    for name, by_count in report["curves"].items():
        if by_count:
            title = f"People against bots: {name}"
            drawn += [plots.roc(by_count, title), plots.det(by_count, title)]
    if report["reliability"]:
        drawn.append(plots.reliability(report["reliability"]))
    figures = "\n".join(f"<figure>{svg}</figure>" for svg in drawn)
    note = "Crosses on dotted lines: the trivial rule at 1 % and 0.1 % of people, in the same colours."
    return f'<h2>Curves</h2>\n<p class="note">{note}</p>\n{figures}'


def _table(table: tables.Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    shown = (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></div>'
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return f"<h2>{escape(table.title)}</h2>\n{note}\n{shown if table.rows else ''}"
