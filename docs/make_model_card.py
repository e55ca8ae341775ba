"""Writes the model card, in docs and in the bundle, and the figures in the README, from what was measured.

usage: python docs/make_model_card.py
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "flask_zerotrust" / "bundles" / "default" / "manifest.json"
EVALUATION = ROOT / "docs" / "evaluation.json"
CARD = ROOT / "docs" / "research" / "model-card.md"
BUNDLED = MANIFEST.with_name(CARD.name)
README = ROOT / "README.md"
START, END = "<!-- figures: start -->", "<!-- figures: end -->"
COUNTS = ("1", "3", "5", "10", "20", "all")
LATER = ("3", "5", "10", "20")

Json = dict[str, Any]

LOOKED_AT = """**The public generators and the people of KH2017 are not a blind test.** Their figures were
looked at while choosing among about nine variants of the model, and again among five of how bad
conditions of capture enter the fit (so were the held-out people of SapiMouse and the slider set). One
simulated family, `bezier_stepped`, was added after a poor result on `ghost_cursor_js`, and training draws
lattices of pixels since the slider set, which is recorded on one, did badly. Thresholds were
set on the other half of KH2017. What was never looked at that way are other people's generators and other
people: expect worse there."""


def card(manifest: Json, report: Json) -> str:
    """Return the whole model card."""
    metrics, origin = manifest["metrics"], manifest["provenance"]
    people = "\n".join(f"- {name}: {text}" for name, text in origin["people"].items())
    return f"""# Model card

Written by `docs/make_model_card.py` from the manifest of the model that ships and from the last
`make evaluate`; no figure here is typed by hand.
The model is the weighted mean of depth-limited boosted trees and of four small networks, fitted by
scikit-learn {manifest["libraries"]["scikit-learn"]} to {len(manifest["features"])} features of a stroke
([Features](features.md)) and served as plain arrays. From the third stroke on, boosted trees over what the
strokes said and how they differ judge the session as a whole. Others were tried beside it
([Models compared](models-compared.md)).

## On whom it was trained

{people}
- Bots: {origin["bots"]["visits"]} visits of {len(origin["bots"]["families"])} families
  ([Simulators](simulators.md)).
- Thresholds: {origin["thresholds"]}.

**Absent: {origin["absent"]}.** What the model says of such people is not known.

## What was looked at during development

{LOOKED_AT}

## How sure the figures are

From `make evaluate` ([Detection](detection.md) has the whole of it, targets included): seed
{report["method"]["seed"]}, {report["method"]["rounds"]} bootstrap rounds, 95 % intervals.

{_sure(report)}

{_strangers(report)}

Nobody in the next two sections was trained on. A session counts as *asked* when the shipped policy would
ask it for a code at that moment; *unknown* counts too, and before the third stroke everybody is unknown.

## People asked for a code

Sessions asked, of sessions that reach that many strokes. In brackets the people asked at least once, and
the 95 % upper bound of their share, counted by person: sessions of one person resemble each other.

As captured:

{_people(metrics["people"])}

Passed through the simulated browser:

{_people(metrics["people_rendered"])}

## Public generators stopped

Each passed through the simulated browser. *Unseen implementation*: a family of ours uses the same kind of
algorithm. *Unseen algorithm*: none does.

{_generators(metrics["bots"])}

## Our own families, each held out in turn

Every row is scored by models that saw neither that family nor those people, with the shipped thresholds.
Rows of people show what it costs them in the same trial. Share of stretches of that many strokes that are
asked for a code:

{_families(metrics["held_out_families"])}

## Sceptic's corner

{_sceptic(metrics)}
"""


def summary(manifest: Json) -> str:
    """Return the few figures that the README shows."""
    metrics = manifest["metrics"]
    rows = [f"| after so many strokes | {' | '.join(LATER)} |", "|---|" + "---|" * len(LATER)]
    for name, figures in metrics["people"].items():
        cells = " | ".join(_asked(figures.get(count)) for count in LATER)
        rows.append(f"| {_title(name)}, {figures['people']} people: sessions asked for a code | {cells} |")
    stopped = [[f[c]["share"] for f in metrics["bots"].values() if c in f] for c in LATER]
    rows.append(f"| {len(metrics['bots'])} public generators, stopped: mean (worst) | {_both(stopped)} |")
    families = {k: v for k, v in metrics["held_out_families"].items() if k.startswith("bots:")}
    held = [[f[c]["share"] for f in families.values() if c in f] for c in LATER]
    rows.append(f"| {len(families)} simulated families, each held out: mean (worst) | {_both(held)} |")
    return "\n".join(rows)


def _strangers(report: Json) -> str:
    """Return what happened to people of data sets that nothing was fitted to, the slider set first."""
    found = {f"{_title(n)} (a smaller model, fitted without it)": f
             for n, f in (report.get("held_out_data_sets") or {}).get("people", {}).items()}  # fmt: skip
    rows = ["| data set never shown to the model | 3 | 5 | 20 | end |", "|---|---|---|---|---|"]
    slider = report["people"]["captured"].get("slider")
    for name, one in (({"slider": slider} if slider else {}) | found).items():
        cells = " | ".join(_asked_of(one["after"].get(count)) for count in ("3", "5", "20", "all"))
        rows.append(f"| {name} | {cells} |")
    return "Sessions of people asked, where a whole data set is new:\n\n" + "\n".join(rows)


def _asked_of(moment: Json | None) -> str:
    if moment is None:
        return "-"
    asked, high = moment["asked"]["sessions"], moment["high"]["sessions"]
    return f"{asked}/{moment['sessions']} ({high} high)"


def _sure(report: Json) -> str:
    """Return what the shipped thresholds do, with intervals, unknown apart from high."""
    rows = ["| who | strokes | asked | of that high | low |", "|---|---|---|---|---|"]
    for name, found in report["people"]["captured"].items():
        if "(" not in name:
            rows += [_sure_row(f"people of {_title(name)}", c, found["after"]) for c in LATER]
    for name, by_count in report["means"].items():
        for count in ("3", "5", "20"):
            one = by_count[count]
            if one["asked"]:
                cells = f"{_interval(one['asked'])} | {_interval(one['high'])}"
                rows.append(f"| bots, mean: {name} | {count} | {cells} | |")
    return "\n".join(rows)


def _sure_row(who: str, count: str, after: Json) -> str:
    if count not in after:
        return f"| {who} | {count} | - | - | - |"
    cells = " | ".join(_interval(after[count][claim]) for claim in ("asked", "high", "low"))
    return f"| {who} | {count} | {cells} |"


def _interval(found: Json) -> str:
    low, high = found["interval"]
    return f"{found['share']:.4g} [{low:.4g}, {high:.4g}]"


def _people(sets: Json) -> str:
    rows = ["| people of | " + " | ".join(COUNTS) + " |", "|---|" + "---|" * len(COUNTS)]
    for name, figures in sets.items():
        cells = " | ".join(_asked(figures.get(count), bound=True) for count in COUNTS)
        rows.append(f"| {_title(name)} ({figures['people']} people) | {cells} |")
    return "\n".join(rows)


def _asked(figures: Json | None, *, bound: bool = False) -> str:
    if figures is None:
        return "-"
    text = f"{figures['step_ups']}/{figures['sessions']}"
    if not bound:
        return text
    upper = figures["upper_95_by_person"]
    return f"{text} ({figures['people_stepped_up']} of {figures['people']}, at most {upper:.0%})"


def _generators(sets: Json) -> str:
    rows = ["| generator | kind | " + " | ".join(COUNTS) + " |", "|---|---|" + "---|" * len(COUNTS)]
    for name, figures in sets.items():
        cells = " | ".join(_asked(figures.get(count)) for count in COUNTS)
        rows.append(f"| {name} | {figures['kind']} | {cells} |")
    return "\n".join(rows)


def _families(sets: Json) -> str:
    rows = ["| held out | " + " | ".join(LATER) + " |", "|---|" + "---|" * len(LATER)]
    for name, figures in sorted(sets.items(), key=lambda item: item[0], reverse=True):
        cells = " | ".join(_down(figures[c]["share"]) if c in figures else "-" for c in LATER)
        who, _, what = name.partition(":")
        rows.append(f"| {'people of ' + _title(what) if who == 'people' else what} | {cells} |")
    return "\n".join(rows)


def _sceptic(metrics: Json) -> str:
    trivial, leak = metrics["trivial"], metrics["leak"]
    rows = [
        "| strokes | people | bots | AUC | bots stopped at 1 % of people | at 0.1 % |",
        "|---|" + "---|" * 5,
    ]
    for count, figures in metrics["roc"].items():
        share = f"{_down(figures['tpr_at_fpr_0.01'])} | {_down(figures['tpr_at_fpr_0.001'])}"
        rows.append(
            f"| {count} | {figures['people']} | {figures['bots']} | {figures['auc']:.4f} | {share} |"
        )
    share = f"{_down(trivial['tpr_at_fpr_0.01'])} | {_down(trivial['tpr_at_fpr_0.001'])}"
    rows.append(f"| trivial rule | | | {trivial['auc']:.4f} | {share} |")
    table = "\n".join(rows)
    return f"""People and public generators together, both rendered. The trivial rule knows only the
sampling rate and the extent on the screen of a whole session; a model that is not far above it has learnt
nothing.

{table}

With so few people, shares of 1 % and less are read off one or two of them.

Leak check: movement of people, moved and passed through the simulated browser, against the same people as
captured: AUC {leak["auc"]:.3f} over {leak["strokes"]} strokes. It has to be near 0.5, or the model reads
the recorder and not the movement.

Calibration error of the final risk: {metrics["calibration_error"]:.3f} (ECE, 15 bins, people and bots
weighing alike)."""


def _title(name: str) -> str:
    return {"sapimouse": "SapiMouse", "kh2017": "KH2017", "balabit": "Balabit"}.get(name, name)


def _row(columns: list[list[float]], join: Any) -> str:
    return " | ".join(f"{_down(join(column))}" for column in columns)


def _both(columns: list[list[float]]) -> str:
    return " | ".join(f"{_down(_mean(column))} ({_down(min(column))})" for column in columns)


def _both(columns: list[list[float]]) -> str:
    return " | ".join(f"{_down(_mean(column))} ({_down(min(column))})" for column in columns)


def _both(columns: list[list[float]]) -> str:
    return " | ".join(f"{_down(_mean(column))} ({_down(min(column))})" for column in columns)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _down(share: float) -> str:
    """Return a share to three digits, never rounded up; the same on every Python."""
    return f"{math.floor(share * 1_000 + 1e-6) / 1_000:.3f}"


def unlinked(text: str) -> str:
    """Return the card as it lies in the bundle, where the other pages are not beside it."""
    text = re.sub(r"\[([^]]+)\]\(\.\./([a-z-]+\.md)[^)]*\)", r"\1 (docs/\2)", text)
    return re.sub(r"\[([^]]+)\]\(([a-z-]+\.md)[^)]*\)", r"\1 (docs/research/\2)", text)


def pages() -> dict[Path, str]:
    """Return what the pages should say: the card in docs/ and in the bundle, and the README."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    report = json.loads(EVALUATION.read_text(encoding="utf-8"))
    before, _, rest = README.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    text = card(manifest, report)
    return {
        CARD: text,
        BUNDLED: unlinked(text),
        README: f"{before}{START}\n{summary(manifest)}\n{END}{after}",
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
