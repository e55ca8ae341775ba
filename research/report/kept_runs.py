"""Target rows of what was measured in real browsers and kept in docs/: recorded people, and tools."""

from __future__ import annotations

from typing import Any

from research.report.intervals import clopper_pearson

Json = dict[str, Any]
PEOPLE = "recorded people by OS-level input against the example app"
TOOLS = "Playwright, Puppeteer, Selenium, script events against the example app"
#: As many as the target speaks of.
EVERYBODY = 20


def people_row(kept: Json | None, *, bundle: str) -> list[str]:
    """Return the row of the recorded people: none of twenty may be stepped up.

    Parameters
    ----------
    kept : dict or None
        docs/people.json as ``make replay`` leaves it; None where there is none.
    bundle : str
        SHA-256 of the manifest that the page is about.
    """
    wanted = "none stepped up, of 20"
    people = (kept or {}).get("people", {})
    if not people:
        return [PEOPLE, wanted, "-", "not measured yet (`make replay`)"]
    asked = sum(person["verdict"] != "passed" for person in people.values())
    most = clopper_pearson(asked, len(people))[1]
    said = f"{asked} of {len(people)} stepped up (at most {most:.3f})"
    good = asked == 0 and len(people) >= EVERYBODY
    return [PEOPLE, wanted, said, _verdict(good, people.values(), bundle)]


def tools_row(kept: Json | None, *, bundle: str) -> list[str]:
    """Return the row of the automation tools: every visit has to be stepped up."""
    wanted = "all stepped up"
    tools = (kept or {}).get("tools", {})
    if not tools:
        return [TOOLS, wanted, "-", "not measured yet (`make tools`)"]
    parts, every = [], True
    for name, tool in tools.items():
        runs = tool["runs"]
        stopped = sum(run["stepped_up"] for run in runs)
        high = sum(run["level"] == "high" for run in runs)
        every = every and stopped == len(runs)
        parts.append(f"{name} {stopped}/{len(runs)} (high {high})")
    return [TOOLS, wanted, "; ".join(parts), _verdict(every, tools.values(), bundle)]


def _verdict(good: bool, entries: Any, bundle: str) -> str:
    word = "met" if good else "**not met**"
    others = sorted({entry["bundle"][:8] for entry in entries if entry["bundle"] != bundle})
    earlier = f"; measured with an earlier bundle ({', '.join(others)})" if others else ""
    dates = sorted({entry["date"] for entry in entries})
    return f"{word} ({dates[-1]}{earlier})"
