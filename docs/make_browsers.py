"""Writes the table of browsers.md from what ``make engines``, ``make replay`` and ``make tools`` kept.

usage: python docs/make_browsers.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "research" / "browsers.md"
_START, _END = "<!-- people: start -->", "<!-- people: end -->"
# By browser what is kept of people, and how its tools are called.
_PEOPLE = {"Chromium": "people.json", "Firefox": "people-firefox.json", "WebKitGTK": "people-webkit.json"}
_TOOLS = {"Chromium": "browsers.json", "Firefox": "engines.json", "WebKitGTK": "engines.json"}

Kept = dict[str, Any]


def page(text: str, people: dict[str, Kept], tools: dict[str, Kept]) -> str:
    """Return the page with fresh tables between its marks; files are given by browser."""
    before, _, rest = text.partition(_START)
    _, _, after = rest.partition(_END)
    lines = [*_people(people), "", *_tools(tools)]
    return "\n".join([f"{before}{_START}", *lines, f"{_END}{after}"])


def _people(found: dict[str, Kept]) -> list[str]:
    columns = (
        "browser",
        "people",
        "asked for a code",
        "low after 3 strokes",
        "after 10",
        "at the end",
        "date",
    )
    return _head(columns) + [_row(list(one["people"].values())) for one in found.values()]


def _head(columns: tuple[str, ...]) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def _row(people: list[Kept]) -> str:
    seen = people[0]
    browser = seen.get("browser") or f"Chromium {seen['chromium']}"
    asked = sum(one["verdict"] != "passed" for one in people)
    low = " | ".join(_low(people, strokes) for strokes in (3, 10, None))
    return f"| {browser} | {len(people)} | {asked} | {low} | {max(one['date'] for one in people)} |"


def _low(people: list[Kept], strokes: int | None) -> str:
    """Return how many of those who moved so much were *low* then; None stands for the end."""
    levels = [_level(one["points"], strokes) for one in people]
    there = [level for level in levels if level]
    return f"{there.count('low')} of {len(there)}"


def _level(points: list[Kept], strokes: int | None) -> str:
    if strokes is None:
        return str(points[-1]["level"])
    return next((str(point["level"]) for point in points if point["strokes"] >= strokes), "")


def _tools(found: dict[str, Kept]) -> list[str]:
    lines = _head(("automation", "movement", "visits", "stepped up", "of these high", "date"))
    for browser, kept in found.items():
        for tool in kept["tools"].values():
            if tool.get("browser", "Chromium") == browser:
                runs = tool["runs"]
                stopped, high = (sum(map(of, runs)) for of in (_stopped, _high))
                said = f"{tool['title']} | {tool['movement']} | {len(runs)} | {stopped} | {high}"
                lines.append(f"| {said} | {tool['date']} |")
    return lines


def _stopped(run: Kept) -> bool:
    return bool(run["stepped_up"])


def _high(run: Kept) -> bool:
    return bool(run["level"] == "high")


def kept(files: dict[str, str]) -> dict[str, Kept]:
    """Return what was kept, by browser."""
    return {name: json.loads((DOCS / file).read_text(encoding="utf-8")) for name, file in files.items()}


if __name__ == "__main__":
    made = page(PAGE.read_text(encoding="utf-8"), kept(_PEOPLE), kept(_TOOLS))
    PAGE.write_text(made, encoding="utf-8")
