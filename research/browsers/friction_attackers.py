"""Count what attackers with the password open: ``python -m research friction-attackers``.

Every kind of attack is tried under the rule that ships, where none may open a guarded view. A sample is
tried under ``ZEROTRUST_NEW_BROWSER = "movement"``: an attack that opens nothing there shows little.
The figures go to ``docs/friction.json``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.simulate.visits import known
from research.browsers import attack_chromium as chromium
from tests.browser import kept
from tests.browser.harness import ROOT, find_chromium
from tests.compiled import share_compiled_templates
from tests.security import attack_http as http
from tests.security import attack_movement as movement

#: Attempts from other browsers that have to fail, over all rows.
WANTED = 1_000
#: About one in two of the simulated people is taken for a person, so many are tried at home for each.
TRIED = 2.5
_SCRIPT = "a script, no browser"


class Movement:
    """Movement and ages that the rows draw from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def visits(self) -> list[Recording]:
        return movement.held_out(self._folder)

    def recorded(self, number: int) -> list[Recording]:
        return movement.take(movement.stretches(self.visits), number)

    def one(self, number: int) -> list[Recording]:
        return movement.take(movement.made_over(self.recorded(1)[0], seed=2), number)

    def generated(self, number: int) -> list[Recording]:
        return movement.take(movement.generated(seed=3), number)

    def filtered(self, number: int) -> list[Recording]:
        tried = movement.take(movement.generated(seed=4), int(TRIED * number))
        return http.filtered(tried)[:number]

    def whole(self, number: int) -> list[Recording]:
        return [visit for visit in self.visits if visit.session.endswith("1min")][:number]

    def ages_s(self, number: int) -> list[float]:
        return [float(age) for age in np.linspace(0.0, http.GRANT_S, number)]

    def seeds(self, number: int) -> list[int]:
        return list(range(number))


Attack = Callable[[str, Any], Iterable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of attack.

    Attributes
    ----------
    name, title, note : str
        Its name in the kept file, for people, and what has to be known about it.
    source, attack : callable
        Take movement for so many attempts from :class:`Movement`, and try it under a rule.
    attempts, sample : int
        How often under the rule that ships, and under ``"movement"``.
    opens : bool
        A published limit, which has to open the view: otherwise this measurement cannot fail.
    in_chromium : bool
        The attacker has a browser.
    """

    name: str
    title: str
    note: str
    source: Callable[[Movement, int], Sequence[Any]]
    attack: Attack
    attempts: int
    sample: int = 20
    opens: bool = False
    in_chromium: bool = False


def by_script(move: http.Mover, **config: Any) -> Attack:
    """Return an attack by posted movement."""
    return partial(_by_script, move, config)


def _by_script(move: http.Mover, config: dict[str, Any], rule: str, parts: Any) -> Iterable[bool]:
    return http.scripts(rule, parts, move, **config)


def in_chromium(attack: Callable[..., Iterable[bool]], **options: Any) -> Attack:
    """Return an attack with the Chromium that is here."""

    def run(rule: str, parts: Any) -> Iterable[bool]:
        path = find_chromium()
        if path is None:
            raise RuntimeError("Chromium is missing: apt-get install chromium.")
        return attack(rule, parts, chromium=path, **options)

    return run


ROWS = (
    Row(
        name="recorded-at-once",
        title="Script, recorded strokes posted at once",
        note="25 s of a recorded person in a session that is less than a second old; no browser.",
        source=Movement.recorded,
        attack=by_script(http.at_once),
        attempts=150,
    ),
    Row(
        name="recorded-in-time",
        title="Script, recorded strokes posted at their own times",
        note="25 s of a recorded person, batch by batch as the collector sends them; no browser.",
        source=Movement.recorded,
        attack=by_script(http.in_time),
        attempts=100,
    ),
    Row(
        name="one-recording",
        title="Script, one recording on many accounts",
        note="As it is, moved, scaled, turned, mirrored, retimed, with noise, warped, smoothed, jittered.",
        source=Movement.one,
        attack=by_script(http.at_once),
        attempts=150,
    ),
    Row(
        name="generated",
        title="Script, generated strokes",
        note="The simulated people of this project; no recording.",
        source=Movement.generated,
        attack=by_script(http.at_once),
        attempts=150,
    ),
    Row(
        name="generated-filtered",
        title="Script, generated strokes filtered by the model",
        note="Only what the shipped model took for a person at home. The site has ZEROTRUST_REPLAY_MEMORY.",
        source=Movement.filtered,
        attack=by_script(http.at_once, ZEROTRUST_REPLAY_MEMORY=100_000),
        attempts=150,
    ),
    Row(
        name="three-requests",
        title="Script, three requests",
        note="Login, token, and the form with recorded strokes in a field of its own.",
        source=Movement.recorded,
        attack=http.three_requests,
        attempts=150,
    ),
    Row(
        name="planted-cookie",
        title="Planted cookie",
        note="The thief's live cookie is planted in the known browser, whose owner moves and proves.",
        source=Movement.recorded,
        attack=http.planted,
        attempts=60,
    ),
    Row(
        name="anonymous-cookie",
        title="Anonymous cookie",
        note="Copied from the known browser before the login, used after it and then with the password.",
        source=Movement.recorded,
        attack=http.anonymous,
        attempts=60,
    ),
    Row(
        name="copied-cookie-later",
        title="Live cookie, after ZEROTRUST_GRANT_S",
        note="Copied right after a proof, used 1 s to 55 min after ZEROTRUST_GRANT_S (300 s) have passed.",
        source=Movement.recorded,
        attack=http.copied_too_late,
        attempts=60,
    ),
    Row(
        name="copied-cookie",
        title="Live cookie, within ZEROTRUST_GRANT_S",
        note="A published limit: opens until the proof is 300 s old, but no view with always=True.",
        source=Movement.ages_s,
        attack=http.copied_in_time,
        attempts=31,
        opens=True,
    ),
    Row(
        name="copied-cookies",
        title="All cookies, by script",
        note="All cookies of the known browser while its session is not proven, and recorded strokes.",
        source=Movement.recorded,
        attack=http.copied_jar,
        attempts=60,
    ),
    Row(
        name="chromium-curves",
        title="Chromium, movement as of ghost-cursor",
        note="Curves, tremor and held buttons through Playwright. Movement alone gives this one away, too.",
        source=Movement.seeds,
        attack=in_chromium(chromium.curves),
        attempts=3,
        sample=2,
        in_chromium=True,
    ),
    Row(
        name="chromium-recorded",
        title="Chromium, recorded strokes through Playwright",
        note="25 s of a recorded person at their own times, without presses.",
        source=Movement.recorded,
        attack=in_chromium(chromium.recorded),
        attempts=4,
        sample=2,
        in_chromium=True,
    ),
    Row(
        name="chromium-hand",
        title="Chromium, recorded strokes by the operating system",
        note="36 s of a recorded person by a real pointer (X server) at their own times, with presses.",
        source=Movement.whole,
        attack=in_chromium(chromium.by_hand),
        attempts=3,
        sample=2,
        in_chromium=True,
    ),
    Row(
        name="chromium-cookies",
        title="Chromium, cookie jar copied to another profile",
        note="All cookies, no IndexedDB; the thief also posts recorded strokes.",
        source=Movement.recorded,
        attack=in_chromium(chromium.copies, whole=False),
        attempts=4,
        sample=2,
        in_chromium=True,
    ),
    Row(
        name="chromium-profile",
        title="Chromium, whole profile copied with IndexedDB",
        note="A published limit: the key comes along, so the copy proves itself as the known browser.",
        source=Movement.recorded,
        attack=in_chromium(chromium.copies, whole=True),
        attempts=3,
        sample=1,
        opens=True,
        in_chromium=True,
    ),
)


def measure_all(names: Sequence[str], *, most: int | None, file: Path) -> list[str]:
    """Measure the rows that are named, or all; return what is not as it has to be.

    Raises
    ------
    ConfigError
        For a row that there is not.
    """
    chosen = known(names or None, [row.name for row in ROWS], "row")
    share_compiled_templates()
    folder = Path(os.environ.get("ZEROTRUST_TEST_DATA") or ROOT.parent / "shared" / "data")
    given, problems, failed = Movement(folder), [], 0
    for row in [row for row in ROWS if row.name in chosen]:
        found = measure(row, given, most=most)
        kept.put(file, "attackers", row.name, found)
        problems += wrong(row, found)
        failed += 0 if row.opens else found["attempts"] - found["opened"]
    print(f"{failed} attempts from other browsers opened nothing; {len(problems)} problems")
    if not names and most is None and failed < WANTED:
        problems.append(f"only {failed} attempts from other browsers failed, not {WANTED}")
    return problems


def measure(row: Row, given: Movement, *, most: int | None) -> dict[str, Any]:
    """Try one row under both rules, and return what is kept of it."""
    results = {}
    for rule, number in ((http.DEFAULT, row.attempts), (http.MOVEMENT, row.sample)):
        parts = row.source(given, number if most is None else min(number, most))
        results[rule] = list(row.attack(rule, parts))
        print(f"{row.name}, {rule}: opened {sum(results[rule])} of {len(results[rule])}", flush=True)
    return entry(row, results[http.DEFAULT], results[http.MOVEMENT])


def entry(row: Row, by_default: Sequence[bool], by_movement: Sequence[bool]) -> dict[str, Any]:
    """Return what is kept of a row."""
    return {
        "title": row.title,
        "note": row.note,
        "attempts": len(by_default),
        "opened": sum(by_default),
        "attempts_by_movement": len(by_movement),
        "opened_by_movement": sum(by_movement),
        "limit": row.opens,
        **kept.stamp("" if row.in_chromium else _SCRIPT),
    }


def wrong(row: Row, found: dict[str, Any]) -> list[str]:
    """Return what is not as it has to be."""
    attempts, opened = found["attempts"], found["opened"]
    if not attempts:
        return [f"{row.name}: nothing was measured"]
    if row.opens:
        return (
            [] if opened == attempts else [f"{row.name}: opened only {opened} of {attempts}, as a control"]
        )
    return [f"{row.name}: opened {opened} of {attempts}"] if opened else []
