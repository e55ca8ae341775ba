"""Measure requests a second under gunicorn, with and without the extension: ``make load``.

Two workers of four threads, wrk beside them on the same machine. Servers are pressed in turn for a few
seconds each, and compared within each round, so that a slow moment of the machine meets them all.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median as _median
from typing import Any

from research.load.pressure import CONNECTIONS, Run, press
from research.load.serving import THREADS, WORKERS, Served, gunicorn
from research.load.visitors import prepare, write_movements
from research.machine import machine
from tests.ports import free_port
from tests.servers import redis_server

WARM_UP_S = 2
# Others' sessions in a store that is almost empty.
FEW = 10
# Numbers of batches that a visitor may send in one run.
_A_RUN = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Seconds of a run, numbers of rounds and visitors, and sessions in a full store."""

    seconds: float
    rounds: int
    visitors: int
    sessions: int


@dataclass(frozen=True, slots=True)
class Case:
    """An app to press: over which store, and beside how many sessions of people who are away."""

    store: str
    others: int


@dataclass(frozen=True, slots=True)
class Target:
    """A case that is being served, and the file of its visitors."""

    case: Case
    served: Served
    visitors: Path


Key = tuple[str, Case]


def cases(many: int) -> list[Case]:
    """Return all cases; the app without the extension has no store."""
    return [Case("", 0), *(Case(store, others) for store in ("SQLite", "Redis") for others in (FEW, many))]


def measure(setting: Setting) -> dict[str, Any]:
    """Return the runs of every case, and on what they were measured."""
    servers = {"workers": WORKERS, "threads": THREADS, "connections": CONNECTIONS}
    return {"machine": machine(), "setting": servers | asdict(setting), "runs": _runs(setting)}


def _runs(setting: Setting) -> list[dict[str, Any]]:
    """Return the runs of every case, and their medians."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        movements = folder / "movements"
        write_movements(movements)
        targets = [
            _serve(case, folder / str(i), setting, running)
            for i, case in enumerate(cases(setting.sessions))
        ]
        rounds = []
        for number, seconds in enumerate([WARM_UP_S, *[setting.seconds] * setting.rounds]):
            found: dict[Key, Run] = {}
            for kind, target in _turns(targets, backwards=bool(number % 2)):
                found[kind, target.case] = press(
                    target.served,
                    target.visitors,
                    movements,
                    kind,
                    seconds=seconds,
                    first=1 + number * _A_RUN,
                )
            rounds.append(found)
    # The first round is the one that warmed up.
    return [_row(key, rounds[1:]) for key in rounds[0]]


def _turns(targets: list[Target], *, backwards: bool) -> list[tuple[str, Target]]:
    """Return who is pressed in a round, and how; every other one goes backwards."""
    turns = [(kind, target) for kind in ("events", "view") for target in targets]
    return turns[::-1] if backwards else turns


def _serve(case: Case, folder: Path, setting: Setting, running: ExitStack) -> Target:
    folder.mkdir()
    config: dict[str, object] = {"ZEROTRUST_GRANT_S": 86_400, "ZEROTRUST_KEYLESS_S": 86_400}
    if case.store == "Redis":
        server = running.enter_context(redis_server(folder / "r", port=free_port()))
        config["ZEROTRUST_STORE"] = server.url()
    elif case.store:
        config["ZEROTRUST_STORE"] = f"sqlite:///{folder / 'store'}"
    served = running.enter_context(gunicorn(folder, **(config if case.store else {})))
    prepare(served, folder / "visitors", visitors=setting.visitors, others=case.others)
    return Target(case, served, folder / "visitors")


def _row(key: Key, rounds: list[dict[Key, Run]]) -> dict[str, Any]:
    """Return medians over the rounds, also of what this case is beside others of the same round.

    ``share`` is of the app without the extension, ``slower`` how many times as long a request takes as
    with an almost empty store; None where there is nothing to compare with.
    """
    kind, case = key
    names = ("per_s", "p50_ms", "p99_ms")
    medians = {name: round(_median([getattr(found[key], name) for found in rounds]), 2) for name in names}
    bare, few = (kind, Case("", 0)), (kind, replace(case, others=FEW))
    share = _median([found[key].per_s / found[bare].per_s for found in rounds]) if case.store else None
    full = bool(case.store) and case.others != FEW
    slower = _median([found[few].per_s / found[key].per_s for found in rounds]) if full else None
    every = [round(found[key].per_s, 1) for found in rounds]
    return {
        "kind": kind,
        **asdict(case),
        **medians,
        "share": share,
        "slower": slower,
        "per_s_of_rounds": every,
    }
