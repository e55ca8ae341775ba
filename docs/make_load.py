"""Writes the tables of load.md from what the last ``make load`` and ``make soak`` kept.

usage: python docs/make_load.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
LOAD, SOAK = DOCS / "load.json", DOCS / "soak.json"
PAGE = DOCS / "research" / "load.md"
_KINDS = {"events": "collector, 600 events", "view": "protected view"}
# A batch, or a page, with a full store may take so many times as long as with an almost empty one.
_MOST = 1.5
_MB = 1e6

Found = dict[str, Any]


def page(text: str, load: Found, soak: Found) -> str:
    """Return the page with fresh tables between its marks."""
    return _between(_between(text, "load", _load(load)), "soak", _soak(soak))


def _between(text: str, name: str, lines: list[str]) -> str:
    start, end = (f"<!-- {name}: {edge} -->" for edge in ("start", "end"))
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return "\n".join([f"{before}{start}", *lines, f"{end}{after}"])


def _on(found: Found) -> str:
    machine = found["machine"]
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "flask", "numpy"))
    return f"{machine['cores']} core(s), {versions}"


def _load(found: Found) -> list[str]:
    setting = found["setting"]
    lines = [
        f"Medians of {setting['rounds']} rounds of {setting['seconds']:g} s; {_on(found)}; "
        f"{setting['workers']} workers of {setting['threads']} threads, {setting['connections']} requests "
        f"under way, {setting['visitors']:,} visitors.",
        "",
        "| | store | others' sessions | requests a second | of those without | p50 | p99 |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_run(run) for kind in _KINDS for run in found["runs"] if run["kind"] == kind]
    head = "| full store / almost empty one, time a request | measured | target | |"
    full = [run for run in found["runs"] if run["slower"] is not None]
    return [*lines, "", head, "|---|---|---|---|", *map(_full, full)]


def _run(run: Found) -> str:
    store, others = (run["store"], f"{run['others']:,}") if run["store"] else ("without the extension", "")
    share = f"{run['share']:.0%}" if run["store"] else ""
    times = f"{run['p50_ms']:.1f} ms | {run['p99_ms']:.1f} ms"
    return f"| {_KINDS[run['kind']]} | {store} | {others} | {run['per_s']:,.0f} | {share} | {times} |"


def _full(run: Found) -> str:
    verdict = "met" if run["slower"] <= _MOST else "not met"
    name = f"{_KINDS[run['kind']]}, {run['store']}, {run['others']:,} sessions"
    return f"| {name} | {run['slower']:.2f} | <= {_MOST} | {verdict} |"


def _counted(name: str) -> Callable[[Found], str]:
    return lambda one: f"{one['counts'].get(name, 0):,}"


def _answers(one: Found) -> str:
    return f"{sum(n for name, n in one['counts'].items() if name.startswith('status ')):,}"


def _grew(name: str, unit: float, digits: int) -> Callable[[Found], str]:
    def said(one: Found) -> str:
        first, last = one["samples"][min(3, len(one["samples"]) - 1)], one["samples"][-1]
        share = one["growth"][name]
        grew = "too short to say" if share is None else f"{share:+.1%}"
        return f"{first[name] / unit:,.{digits}f}, {last[name] / unit:,.{digits}f} ({grew})"

    return said


_ROWS: dict[str, Callable[[Found], str]] = {
    "seconds": lambda one: f"{one['seconds']:,}",
    "answers": _answers,
    "answered 5xx": _counted("5xx"),
    "not answered in 20 s": _counted("stalled"),
    "visits": _counted("visits"),
    "of these, answered by two workers or more": _counted("visits with 2 workers"),
    "step-ups passed": _counted("step-ups"),
    "guarded views that a grant opened": _counted("kept"),
    "**grants lost**: asked again although it held": _counted("lost"),
    "grants that ended, and a code was asked for": _counted("ran out"),
    "let in after its end": _counted("outlived"),
    "page tokens renewed, after a step-up or too old": _counted("tokens renewed"),
    "workers killed": lambda one: f"{one['kills']:,}",
    "connections cut by that, asked again": lambda one: f"{one['cuts'] - one['cuts_apart']:,}",
    "connections cut otherwise": lambda one: f"{one['cuts_apart']:,}",
    "tracebacks and timeouts in the server's log": lambda one: f"{one['errors_logged']:,}",
    "the elder worker's memory, MB: after 3 minutes, at the end": _grew("elder", _MB, 1),
    "the master's": _grew("master", _MB, 1),
    "rows that end within a quarter of an hour: after 3 minutes, at the end": _grew("short", 1, 0),
    "of these, left after all had gone": lambda one: _after(one, "short"),
    "rows that are kept for a day or longer: codes that were used": lambda one: _after(one, "long"),
    "store in use, kB: before, after all had gone": lambda one: (
        f"{one['before']['octets'] / 1e3:,.0f}, {_after(one, 'octets', 1e3)}"
    ),
}


def _after(one: Found, name: str, unit: float = 1) -> str:
    return f"{one['after'][name] / unit:,.0f}" if one["after"] else "not looked"


def _soak(found: Found) -> list[str]:
    setting, stores = found["setting"], found["stores"]
    wrong = [f"{one['store']}: {failure}" for one in stores for failure in one["failures"]]
    return [
        f"{_on(found)}; {setting['people']} people at each of two servers, a worker killed every "
        f"{setting['kill_every_s']:g} s, grants of {setting['grant_s']:g} s, page tokens of "
        f"{setting['token_s']:g} s, records and challenges of {setting['record_s']:g} s.",
        "",
        f"| | {' | '.join(one['store'] for one in stores)} |",
        "|---" * (1 + len(stores)) + "|",
        *(f"| {name} | {' | '.join(of(one) for one in stores)} |" for name, of in _ROWS.items()),
        "",
        "Nothing that must not happen has happened." if not wrong else f"**Failed**: {'; '.join(wrong)}.",
    ]


if __name__ == "__main__":
    kept = [json.loads(file.read_text(encoding="utf-8")) for file in (LOAD, SOAK)]
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), *kept), encoding="utf-8")
