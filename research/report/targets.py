"""The targets of detection, each with what was measured, how sure it is, and whether it is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from research.report import intervals, kept_runs
from research.report.corpus import CALIBRATED, STUTTERED
from research.report.curves import rounded
from research.report.tables import Table, cut, span

Json = dict[str, Any]
#: Families of ours that are put together from other families: no algorithm of their own.
_MIXTURES = ("mixed_visit", "mixture")


@dataclass(frozen=True, slots=True)
class Bound:
    """What a target demands."""

    low: float = 0.0
    high: float = 1.0

    def __str__(self) -> str:
        if self.low > 0.0 and self.high < 1.0:
            return f"{self.low:.2f}-{self.high:.2f}"
        return f">= {self.low:g}" if self.low > 0.0 else f"<= {self.high:g}"

    def verdict(self, value: float, interval: Sequence[float] | None) -> str:
        """Return *met* only where the whole interval meets the target."""
        if not self.low <= value <= self.high:
            return "**not met**"
        sure = interval is not None and self.low <= interval[0] and interval[1] <= self.high
        return "met" if sure else "met, not proven"


def table(
    report: Json, identity: Json | None = None, *, people: Json | None = None, tools: Json | None = None
) -> Table:
    """Return the targets as a table: figure, target, measured, verdict.

    Parameters
    ----------
    identity : dict, optional
        What ``python -m research identity`` has kept; its targets are left out otherwise.
    people, tools : dict, optional
        What ``make replay`` and ``make tools`` have kept.
    """
    rows = [*_unseen(report), *_worst(report), *_others(report), *_replays(report.get("replays_known"))]
    rows += of_identity(identity)
    bundle = report["model"]["sha256"]
    rows.append(kept_runs.people_row(people, bundle=bundle))
    rows.append(kept_runs.tools_row(tools, bundle=bundle))
    note = (
        "*Met*: the figure and the whole of its 95 % interval meet the target. *Met, not proven*: the "
        "figure does, but the interval reaches beyond the target; there are too few people or families to "
        "say. Stopped means asked for a factor: as high, latched or as unknown. Families held out share "
        "building blocks with families that were not, and the two that mix other families are left out of "
        "the mean. A worst family is picked after the fact and has no interval of its own where only "
        "stretches were kept. False step-ups: the share is of sessions, the interval is the exact one of "
        "people asked at least once. Nothing was fitted to the slider set and no threshold set on it; its "
        "sessions are drags of one control on a lattice of 7 and 13 px, not visits."
    )
    return Table("Targets", ["figure", "target", "measured [95 % interval]", "verdict"], rows, note)


def _unseen(report: Json) -> list[list[str]]:
    rows = []
    left_out = report["held_out_families"]
    for count, least in (("3", 0.88), ("5", 0.93), ("20", 0.98)):
        bound = Bound(low=least)
        shares = [found[count]["share"] for _, found in _algorithms(left_out) if count in found]
        if shares:
            mean = sum(shares) / len(shares)
            name = f"our families, each held out in turn, stopped, {count} strokes (mean of {len(shares)})"
            rows.append(_row(name, bound, mean, _over_families(shares)))
        for kind in ("public generators", "unseen algorithm"):
            found = report["means"].get(kind, {}).get(count, {}).get("asked")
            if found:
                rows.append(_mean_row(report, kind, count, found, bound))
    return rows


def _mean_row(report: Json, kind: str, count: str, found: Json, bound: Bound) -> list[str]:
    which = kind if kind.startswith("public") else f"... of which {kind}"
    high = report["means"][kind][count]["high"]
    name = f"{which}, stopped, {count} strokes (mean of {found['families']}; not blind)"
    row = _row(name, bound, found["share"], found["interval"])
    return [*row[:2], f"{row[2]}; high alone {cut(high['share'])}", row[3]]


def _worst(report: Json) -> list[list[str]]:
    """Return the worst family: the one figure that no mean can hide."""
    bound, rows = Bound(low=0.90), []
    held = {name: found["20"] for name, found in _algorithms(report["held_out_families"]) if "20" in found}
    if held:
        name = min(held, key=lambda key: (held[key]["share"], key))
        found = held[name]
        title = f"worst of our families, held out, 20 strokes: {name} ({found['stretches']} stretches)"
        rows.append(_row(title, bound, found["share"], None))
    public = {
        name: found["after"]["20"]
        for name, found in report["bots"].items()
        if found["kind"].startswith("unseen") and "20" in found["after"]
    }
    if public:
        name = min(public, key=lambda key: (public[key]["asked"]["share"], key))
        one = public[name]
        title = f"worst public generator, 20 strokes: {name} ({one['sessions']} sessions; not blind)"
        rows.append(_row(title, bound, one["asked"]["share"], one["asked"]["interval"]))
    return rows


def _others(report: Json) -> list[list[str]]:
    rows = []
    if report["leak"]:
        found = report["leak"]
        rows.append(
            _row(
                "leak check: replays against people, AUC",
                Bound(0.45, 0.60),
                found["auc"],
                found["interval"],
            )
        )
    people = {n: f for n, f in report["people"]["captured"].items() if n != CALIBRATED}
    for name, found in people.items():
        if "3" in found["after"]:
            low = found["after"]["3"]["low"]
            title = f"people who are low after 3 strokes: {name} ({found['persons']} people)"
            rows.append(_row(title, Bound(low=0.90), low["share"], low["interval"]))
    for count in ("5", "20"):
        rows += _false_step_ups(people, count, report["apart"])
        rows += _left_out(report, count)
    if report["reliability"]:
        found = report["reliability"]
        rows.append(
            _row("calibration error (ECE, 15 bins)", Bound(high=0.03), found["ece"], found["interval"])
        )
    return rows


def _false_step_ups(people: Json, count: str, apart: Json) -> list[list[str]]:
    """Return false step-ups set by set and over sets; the interval is exact, by person."""
    there = {name: found["after"][count] for name, found in people.items() if count in found["after"]}
    title = f"false step-ups after {count} strokes"
    rows = [_of_people(f"{title}: {name}", found) for name, found in there.items()]
    there.pop(STUTTERED, None)  # the people of another set once more: they count once
    rows += _over_sets(there, f"... over these {len(there)} sets, {count} strokes")
    if there.keys() & apart.keys():
        left = {name: found for name, found in there.items() if name not in apart}
        without = ", ".join(sorted(there.keys() & apart.keys()))
        rows += _over_sets(left, f"... over these sets without {without}, {count} strokes")
    return rows


def _replays(found: Json | None) -> list[list[str]]:
    """Return what the replay memory knows again, where it was measured."""
    again, over = (
        "replays re-captured through a browser, 5 strokes",
        "warped, smoothed or jittered replays, 10 strokes",
    )
    if found is None:
        return [[name, "-", "-", "not measured yet (replay memory)"] for name in (again, over)]
    of = f"{found['memory']['strokes']} strokes in memory"
    rows = []
    for name, kinds, count, least in ((again, "recaptured", "5", 0.99), (over, "made_over", "10", 0.90)):
        one = found[kinds][count]
        rows.append(_row(f"{name} ({of})", Bound(low=least), one["share"], one["interval"]))
    alarms = found["false_alarms"]["5"]
    title = (
        f"... false alarms: {alarms['caught']} of {alarms['stretches']} stretches of 5 strokes of people"
    )
    rows.append(_row(title, Bound(high=0.001), alarms["share"], alarms["interval"]))
    return rows


def _left_out(report: Json, count: str) -> list[list[str]]:
    """Return false step-ups on data sets that a smaller model was fitted without."""
    sets = (report.get("held_out_data_sets") or {}).get("people", {})
    return [
        _of_people(f"... by a smaller model never shown {name}, {count} strokes", found["after"][count])
        for name, found in sets.items()
        if count in found["after"]
    ]


def _of_people(title: str, found: Json) -> list[str]:
    one, unknown = found["asked"], found["unknown"]
    row = _row(title, Bound(high=0.02), one["share"], one["persons_interval"])
    told = f" {one['sessions']} of {found['sessions']} sessions, {one['persons']} of "
    told += f"{one['of_persons']} people; unknown {unknown['sessions']}"
    return [*row[:2], f"{row[2]};{told}", row[3]]


def _over_sets(there: Json, title: str) -> list[list[str]]:
    asked = sum(found["asked"]["sessions"] for found in there.values())
    of = sum(found["sessions"] for found in there.values())
    if not of:
        return []
    persons = [(found["asked"]["persons"], found["asked"]["of_persons"]) for found in there.values()]
    hit, tried = map(sum, zip(*persons, strict=True))
    exact = rounded(intervals.clopper_pearson(hit, tried))
    return [_row(f"{title} ({asked} of {of} sessions)", Bound(high=0.005), asked / of, exact)]


def of_identity(found: Json | None) -> list[list[str]]:
    """Return how well other people are told from the owner; no intervals: too few people for any."""
    if found is None:
        return []
    balabit, rendered = found["balabit"], found["sapimouse"]["re_rendered"]["by_seconds"]
    fast, unseen = balabit["equal_rates_cohort"], balabit["open_set"]["by_strokes"]["40"]
    auc, later = "another person, AUC: ", "another person, 40 strokes, EER: "
    wanted = (
        (f"{auc}Balabit, {balabit['people']} users, whole visits", 0.98, balabit, "global_auc"),
        (f"{auc}Balabit 7 and 20 at equal rates, 30 s", 0.93, fast["by_seconds"]["30"], "auc"),
        (f"{auc}Balabit, users never seen, 40 strokes", 0.95, unseen, "auc"),
        (f"{auc}SapiMouse, re-rendered, 15 s", 0.97, rendered["15"], "auc"),
        (f"{auc}SapiMouse, re-rendered, 60 s", 0.99, rendered["60"], "auc"),
    )
    rows = []
    for name, least, one, key in wanted:
        row = _row(name, Bound(low=least), one[key], None)
        told = f"{row[2]}; {one['trials']} trials, trivial rule {cut(one['baseline_auc'])}"
        rows.append([*row[:2], told, row[3]])
    rows.append(_row(f"{later}Balabit, users never seen", Bound(high=0.08), unseen["eer"], None))
    return rows


def _algorithms(left_out: Json) -> list[tuple[str, Json]]:
    names = (
        (name.partition(":")[2], found) for name, found in left_out.items() if name.startswith("bots:")
    )
    return [(name, found) for name, found in names if name not in _MIXTURES]


def _over_families(shares: Sequence[float]) -> list[float] | None:
    """Return the interval of a mean, families drawn anew."""
    values = np.array(shares)
    drawn = intervals.draws(values.size, rng=np.random.default_rng(len(shares)))
    return rounded(intervals.percentiles(drawn @ values / values.size))


def _row(name: str, bound: Bound, value: float, interval: Sequence[float] | None) -> list[str]:
    return [name, str(bound), f"{cut(value)}{span(interval)}", bound.verdict(value, interval)]
