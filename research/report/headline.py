"""The figures of a report that a terminal shows: whom the shipped thresholds ask, and what they stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from research.report import tables

Json = dict[str, Any]
#: Moments that are shown; a page has the others.
MOMENTS = ("3", "5", "20", "all")


def lines(report: Json) -> Iterator[str]:
    """Yield what a report says, as lines of text; the page has all of it, with the curves."""
    yield "Sessions asked for a code, of those that reach 3, 5 and 20 strokes and of all (unknown counts):"
    for name, found in report["people"]["captured"].items():
        yield f"  people of {name}: {_counts(found)}"
        yield f"    people asked at least once, at the end: {_people(found)}"
    for name, found in report["bots"].items():
        yield f"  {name} ({found['kind']}): {_counts(found)}"
    yield from _fixed(report)
    if report["reliability"]:
        found = report["reliability"]
        yield f"Calibration error of the risk: {tables.cut(found['ece'])}{tables.span(found['interval'])}"


def missing(report: Json) -> Iterator[str]:
    """Yield what the recordings were not enough for."""
    people, bots = report["people"]["captured"], report["bots"]
    if not people:
        yield "There are no people among them: nothing is said of false step-ups, and there are no curves."
    if not bots:
        yield "There are no bots among them: nothing is said of detection, and there are no curves."
    if people and bots and not report["curves"]:
        yield "There are no curves: no bots outside the sets that are kept apart."


def _counts(found: Json) -> str:
    there = (found["after"].get(moment) for moment in MOMENTS)
    return ", ".join("-" if m is None else f"{m['asked']['sessions']}/{m['sessions']}" for m in there)


def _people(found: Json) -> str:
    asked = found["after"]["all"]["asked"]
    most = f"of all such people at most {asked['persons_upper_95']:.3f}"
    return f"{asked['persons']}/{asked['of_persons']}, {most}"


def _fixed(report: Json) -> Iterator[str]:
    for name, by_count in report["curves"].items():
        for count, found in by_count.items():
            rule = found["trivial"]
            beside = "" if rule is None else f"; the trivial rule: {_at(rule)}"
            yield f"People against bots ({name}), strokes {count}: {_at(found)}{beside}"


def _at(found: Json) -> str:
    stopped = (
        f"TPR {tables.cut(one['share'])}{tables.span(one['interval'])} at FPR {float(share) * 100:g} %"
        for share, one in found["at"].items()
    )
    return ", ".join([f"AUC {tables.cut(found['auc'])}{tables.span(found['interval'])}", *stopped])
