"""Write the tables of friction.md from what the last ``make friction`` kept.

usage: python docs/make_friction.py
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGE, FILE = DOCS / "research" / "friction.md", DOCS / "friction.json"
#: Codes in ten visits that a user who has the browser remembered may be asked for.
MOST_CODES = 1
#: What a guarded link by the challenge page that proves may take, in ms, in the median.
MOST_PROOF_MS = 300
#: Requests for data that a page with a form may make for its proof, and that an action may.
MOST_REQUESTS = {"requests_of_form": 1, "requests_when_acting": 0}
_BROWSERS = {"chromium": "Chromium", "firefox": "Firefox", "webkit": "WebKitGTK"}
_ORDER = ("mouse", "short", "phone", "keyboard", "assistive", "tabs", "private", "noscript")
_PROOF = {
    "proof_ms": "guarded link, by the challenge page that proves, ms",
    "direct_ms": "guarded link, directly, ms",
    "extra_ms": "what the challenge page adds, ms",
}
_REQUESTS = {
    "requests_of_form": "requests for data of a page with a form",
    "requests_when_acting": "requests for data when the form is sent",
}

Kept = dict[str, Any]


def page(text: str, kept: Kept) -> str:
    """Return the page with fresh tables between its marks."""
    for name, lines in (
        ("people", _people(kept["people"])),
        ("proof", _proof(kept["proof"]["chromium"])),
        ("attackers", _attackers(kept.get("attackers", {}))),
    ):
        text = _between(text, name, lines)
    return text


def _between(text: str, name: str, lines: list[str]) -> str:
    start, end = (f"<!-- {name}: {edge} -->" for edge in ("start", "end"))
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return "\n".join([f"{before}{start}", *lines, f"{end}{after}"])


def _table(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def _people(people: dict[str, Kept]) -> list[str]:
    lines = []
    for browser in _BROWSERS:
        of = {key.split(" ", 1)[1]: one for key, one in people.items() if key.startswith(browser + " ")}
        if of:
            lines += [*_browser(of), ""]
    return lines[:-1]


def _browser(of: dict[str, Kept]) -> list[str]:
    """Return the table of one browser; ``of`` is keyed by kind and choice."""
    some = next(iter(of.values()))
    name = some.get("browser") or f"Chromium {some['chromium']}"
    title = f"**{name}**, {max(one['date'] for one in of.values())}:"
    head = ("user", "“Confirm once”", "“Confirm and remember this browser”", "target", "31 minutes later")
    rows = [_kind(of, kind) for kind in _ORDER if any(key.startswith(kind + " ") for key in of)]
    return [title, "", *_table(*head, "strokes a visit", "*high* in"), *rows]


def _kind(of: dict[str, Kept], kind: str) -> str:
    found = {one["choice"]: one for one in of.values() if one["kind"] == kind}
    some = next(iter(found.values()))
    once, remember = found.get("once", some), found.get("remember")
    cells = [some["title"], _asked(once), _asked(remember) if remember else "not offered"]
    visits = sum(one["visits"] for one in found.values())
    high = sum(one["level"].count("high") for one in found.values())
    strokes = statistics.median(count for one in found.values() for count in one["strokes"])
    later = " and ".join(str(one["asked_later"]) for one in (once, remember) if one)
    cells += [_target(some, remember), later, f"{strokes:g}", f"{high} of {visits}"]
    return f"| {' | '.join(cells)} |"


def _asked(one: Kept) -> str:
    detours = sum(one["detours"])
    return f"{one['asked']}" + (f" (and {detours} to confirm again)" if detours else "")


def _target(some: Kept, remember: Kept | None) -> str:
    if not some["keeps"] or remember is None:
        return "none"
    return f"<= {MOST_CODES}, {'met' if remember['asked'] <= MOST_CODES else 'not met'}"


def _proof(proof: Kept) -> list[str]:
    lines = [f"Chromium {proof['chromium']}, {proof['date']}, {proof['pairs']} pairs:", ""]
    lines += _table("", "median", "maximum", "target", "")
    for name, title in _PROOF.items():
        target = _verdict(proof[name]["median"], MOST_PROOF_MS) if name == "proof_ms" else " | "
        lines.append(f"| {title} | {proof[name]['median']:.0f} | {proof[name]['max']:.0f} | {target} |")
    for name, title in _REQUESTS.items():
        lines.append(
            f"| {title} | {proof[name]} | {proof[name]} | {_verdict(proof[name], MOST_REQUESTS[name])} |"
        )
    return lines


def _verdict(measured: float, most: float) -> str:
    return f"<= {most} | {'met' if measured <= most else 'not met'}"


def _attackers(attackers: dict[str, Kept]) -> list[str]:
    if not attackers:
        return ["Not measured yet."]
    lines = _table("attacker who has the password", "opened", 'opened under `"movement"`', "")
    by_limit = sorted(attackers.values(), key=lambda one: one["limit"])
    held = [one for one in by_limit if not one["limit"]]
    attempts, opened = (sum(one[name] for one in held) for name in ("attempts", "opened"))
    total = f"**{opened:,} of {attempts:,}**, target 0 of 1,000, {'met' if not opened else 'not met'}"
    return [
        *lines,
        *map(_attacker, held),
        f"| all of these | {total} | | ",
        *map(_attacker, by_limit[len(held) :]),
    ]


def _attacker(one: Kept) -> str:
    old = f"{one['opened_by_movement']} of {one['attempts_by_movement']}"
    return f"| {one['title']} | {one['opened']} of {one['attempts']} | {old} | {one['note']} |"


if __name__ == "__main__":
    made = page(PAGE.read_text(encoding="utf-8"), json.loads(FILE.read_text(encoding="utf-8")))
    PAGE.write_text(made, encoding="utf-8")
