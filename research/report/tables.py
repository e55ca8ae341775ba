"""The tables of a report as rows of text; a page in HTML and one in Markdown show the same ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
COUNTS = ("1", "3", "5", "10", "20")
MOMENTS = (*COUNTS, "all")
#: Pools of bots, in the order in which they are shown.
KINDS = ("unseen algorithm", "unseen implementation", "seen", "made from recordings", "apart")


@dataclass(frozen=True, slots=True)
class Table:
    """A table with what a reader has to know of it."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def every(report: Json) -> list[Table]:
    """Return all tables of a report, in order."""
    return [
        people(report, "captured"),
        people(report, "rendered"),
        levels(report),
        bots(report),
        means(report),
        detection(report),
        fixed(report),
        by_family(report, "0.01"),
        by_family(report, "0.001"),
        left_out_families(report),
        left_out_sets(report),
        checks(report),
    ]


def people(report: Json, view: str) -> Table:
    """Return false step-ups: sessions, then people with their exact bound."""
    rows = []
    for name, found in report["people"][view].items():
        rows += [
            [_set(report, name), claim, *(_person_cell(found["after"].get(m), claim) for m in MOMENTS)]
            for claim in ("asked", "high", "unknown")
        ]
    return Table(
        f"False step-ups, {'as captured' if view == 'captured' else 'through the simulated browser'}",
        ["people of", "what", *_heads()],
        rows,
        "Sessions / sessions with so many strokes; then people it happened to at least once / people, and "
        "the exact 95 % upper bound of their share. Asked = unknown, high, or latched. Before the third "
        "stroke everybody is unknown.",
    )


def levels(report: Json) -> Table:
    """Return how many people are low, which is what lets them through unasked."""
    rows = [
        [_set(report, name), *(_share_cell(found["after"].get(m), "low") for m in MOMENTS)]
        for name, found in report["people"]["captured"].items()
    ]
    note = "Share of sessions, as captured, with its 95 % interval, people drawn anew."
    return Table("People who are low", ["people of", *_heads()], rows, note)


def bots(report: Json) -> Table:
    """Return what the shipped thresholds stop, family by family."""
    rows = []
    for name, found in _families(report):
        rows += [
            [name, found["kind"], claim, *(_share_cell(found["after"].get(m), claim) for m in MOMENTS)]
            for claim in ("asked", "high", "unknown")
        ]
    return Table(
        "Bots at the shipped thresholds",
        ["family", "kind", "what", *_heads()],
        rows,
        "Share of sessions that reach so many strokes, through the simulated browser, with its 95 % "
        "interval, sessions drawn anew (exact where all agree).",
    )


def means(report: Json) -> Table:
    """Return means over the families of a kind."""
    rows = [
        [name, claim, *(_mean_cell(by_count[count][claim]) for count in COUNTS)]
        for name, by_count in report["means"].items()
        for claim in ("asked", "high")
    ]
    return Table(
        "Mean over families, at the shipped thresholds",
        ["families", "what", *_heads()[:-1]],
        rows,
        "Families and sessions drawn anew; then the worst family.",
    )


def detection(report: Json) -> Table:
    """Return how soon sessions are high, people below bots."""
    shown = [(name, found["kind"], found) for name, found in _families(report)]
    shown += [(_set(report, n), "people", f) for n, f in report["people"]["rendered"].items()]
    rows = []
    for name, kind, found in shown:
        one = found["detection"]
        cells = [f"{one[key]}/{one['sessions']}" for key in ("high", "never_let_through")]
        rows.append([name, kind, *cells, *(_quartiles(one[unit]) for unit in ("strokes", "seconds"))])
    return Table(
        "Time to detection",
        ["who", "kind", "ever high", "never let through", "strokes until high", "seconds until high"],
        rows,
        "Median (90th percentile) of the sessions that are ever high; seconds since the first event, on "
        "the recording's clock. Never let through: asked at every moment, as unknown or as high.",
    )


def fixed(report: Json) -> Table:
    """Return AUC and detection at fixed false alarms, the trivial rule beside."""
    rows = [
        [name, count, _number(found, "auc"), *_at(found), *_rule(found["trivial"])]
        for name, by_count in report["curves"].items()
        for count in COUNTS
        if (found := by_count.get(count))
    ]
    return Table(
        "Detection at fixed false alarms",
        [
            "bots",
            "strokes",
            "AUC",
            "at 1 %",
            "at 0.1 %",
            *(f"trivial: {v}" for v in ("AUC", "1 %", "0.1 %")),
        ],
        rows,
        "The threshold is read off the same people, rendered, every stretch of so many strokes a fresh "
        "session; people and sessions are drawn anew. The trivial rule knows sampling rate and extent on "
        "the screen of the same strokes, and is fitted to these very data sets, two folds by person and "
        "family.",
    )


def by_family(report: Json, false_alarms: str) -> Table:
    """Return detection at one share of false alarms by family, the trivial rule beside."""
    rows = []
    for name, kind in ((name, found["kind"]) for name, found in _families(report)):
        cells = []
        for count in COUNTS:
            found = report["by_family"].get(name, {}).get(count)
            both = "-" if found is None else _spread(found[false_alarms]) + _beside(found, false_alarms)
            cells.append(both)
        rows.append([name, kind, *cells])
    return Table(
        f"TPR at FPR {float(false_alarms) * 100:g} % by family",
        ["family", "kind", *_heads()[:-1]],
        rows,
        "Share of stretches with its 95 % interval; after the bar, the trivial rule.",
    )


def left_out_families(report: Json) -> Table:
    """Return what models that never saw a family say of it, from the fit."""
    rows = [
        [name.replace(":", ": "), *(_stretches(found.get(count)) for count in COUNTS[1:])]
        for name, found in report["held_out_families"].items()
    ]
    return Table(
        "Leave one family out",
        ["held out", *_heads()[1:-1]],
        rows,
        "From the fit's own folds, as kept in the manifest: asked / stretches of so many strokes, at the "
        "shipped thresholds, which were set on these people. The fit kept no count of unknown apart "
        "from high, and no sessions to draw anew. People were held out in the same folds.",
    )


def left_out_sets(report: Json) -> Table:
    """Return what models that never saw a data set say of its people."""
    found = report.get("held_out_data_sets") or {}
    rows = [
        [name, claim, *(_person_cell(one["after"].get(m), claim) for m in MOMENTS)]
        for name, one in found.get("people", {}).items()
        for claim in ("asked", "high", "unknown")
    ]
    note = found.get("note") or "Not measured: `make evaluate` fits a model for each."
    return Table("Leave one data set out", ["data set", "what", *_heads()], rows, note)


def checks(report: Json) -> Table:
    """Return the leak check and the calibration error."""
    rows = []
    if report["leak"]:
        found = report["leak"]
        told = f"{found['strokes']} strokes of {found['people']} people"
        rows.append(["leak: replays against people, AUC", _number(found, "auc"), told])
    if report["reliability"]:
        found = report["reliability"]
        told = f"{found['people']} sessions of people, {found['bots']} of public generators"
        rows.append(["calibration error (ECE, 15 bins)", _number(found, "ece"), told])
    return Table("Checks", ["figure", "value", "on"], rows)


def _set(report: Json, name: str) -> str:
    return f"{name} (apart)" if name in report["apart"] and "(" not in name else name


def _families(report: Json) -> list[tuple[str, Json]]:
    return sorted(report["bots"].items(), key=lambda item: (KINDS.index(item[1]["kind"]), item[0]))


def _heads() -> list[str]:
    return [f"{count} stroke{'' if count == '1' else 's'}" for count in COUNTS] + ["end"]


def _person_cell(moment: Json | None, claim: str) -> str:
    if moment is None:
        return "-"
    found = moment[claim]
    share = f"{found['sessions']}/{moment['sessions']}"
    return f"{share}; {found['persons']}/{found['of_persons']}, at most {found['persons_upper_95']:.3f}"


def _share_cell(moment: Json | None, claim: str) -> str:
    return "-" if moment is None else _spread(moment[claim])


def _mean_cell(found: Json | None) -> str:
    return "-" if found is None else f"{_spread(found)}, worst {cut(found['worst'])}"


def _at(found: Json) -> list[str]:
    return [_spread(found["at"][share]) for share in ("0.01", "0.001")]


def _rule(found: Json | None) -> list[str]:
    return ["-"] * 3 if found is None else [_number(found, "auc"), *_at(found)]


def _beside(found: Json, false_alarms: str) -> str:
    rule = found["trivial"]
    return "" if rule is None else f" | {cut(rule['at'][false_alarms]['share'])}"


def _number(found: Json, key: str) -> str:
    return _spread({"share": found[key], "interval": found["interval"]})


def _spread(found: Json) -> str:
    return cut(found["share"]) + span(found["interval"])


def span(interval: Sequence[float] | None) -> str:
    """Write an interval."""
    return "" if interval is None else f" [{cut(interval[0])}, {cut(interval[1])}]"


def cut(value: float) -> str:
    """Write a share as it is kept, with at most four decimals: nothing is rounded up."""
    return f"{value:.4g}"


def _quartiles(found: Json | None) -> str:
    return "-" if found is None else f"{found['median']:g} ({found['p90']:g})"


def _stretches(found: Json | None) -> str:
    return "-" if found is None else f"{found['step_ups']}/{found['stretches']} ({cut(found['share'])})"


def markdown(table: Table, escape: Callable[[str], str] = lambda text: text.replace("|", "\\|")) -> str:
    """Return a table as Markdown, its note before it."""
    lines = [f"| {' | '.join(table.head)} |", "|" + "---|" * len(table.head)]
    lines += [f"| {' | '.join(map(escape, row))} |" for row in table.rows]
    return "\n".join([*([table.note, ""] if table.note else []), *(lines if table.rows else [])])
