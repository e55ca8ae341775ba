"""People come and go for half an hour while workers are killed: ``make soak``.

gunicorn with two workers serves the app over SQLite, and another one over Redis, both at once. Every 20 s
the younger worker of each is killed, so that the elder's memory is that of the whole time. Lifetimes are
as short as settings allow, so that everything expires many times. The command ends with status 1 if
something happened that must not (:mod:`research.load.verdict`).
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from research.load.meters import Meter, RedisMeter, SQLiteMeter
from research.load.people import Habits, crowd
from research.load.serving import THREADS, WORKERS, Served, gunicorn
from research.load.tally import Tally
from research.load.verdict import Sample, cuts_apart, failures, grown
from research.machine import machine
from tests.ports import free_port
from tests.servers import redis_server

STORES = ("SQLite", "Redis")
# Of the samples, those that are written down: one a minute.
_KEEP_EVERY_S = 60.0
_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long it takes, how many people come to each server, and what is short-lived; seconds.

    It goes on until each server has seen ``visits`` to their end.
    """

    seconds: float = 1_800.0
    visits: int = 1
    people: int = 8
    kill_every_s: float = 20.0
    sample_every_s: float = 5.0
    grant_s: float = 15.0
    # The least that the settings allow; a claim of a batch lives for twice the token.
    record_s: float = 60.0
    token_s: float = 30.0
    rest_s: float = 1.5
    steps: int = 40
    absence_s: float = 70.0
    long_visits: int = 6
    users: int = 4
    # After the last visit, before the store is looked at: longer than every short life.
    settle_s: float = 135.0

    def config(self) -> dict[str, object]:
        """Return the app's settings."""
        return {
            "ZEROTRUST_GRANT_S": self.grant_s,
            "ZEROTRUST_KEYLESS_S": self.grant_s,
            "ZEROTRUST_SESSION_S": self.record_s,
            "LATCH_S": self.record_s,
            "CHALLENGE_S": self.record_s,
            "TOKEN_S": self.token_s,
            "ZEROTRUST_HALF_LIFE_S": self.record_s,
        }

    def habits(self) -> Habits:
        """Return how people behave."""
        return Habits(
            grant_s=self.grant_s,
            rest_s=self.rest_s,
            steps=self.steps,
            absence_s=self.absence_s,
            long_visits=self.long_visits,
            users=self.users,
        )


@dataclass(eq=False)
class Soak:
    """One server over one store, with its people and what was seen of them."""

    store: str
    served: Served
    meter: Meter
    plan: Plan
    tally: Tally = field(default_factory=Tally)
    samples: list[Sample] = field(default_factory=list)
    workers: set[int] = field(default_factory=set)
    enough: threading.Event = field(default_factory=threading.Event)
    before: dict[str, Any] = field(init=False)
    elder: int = field(init=False)
    began: float = field(init=False)
    ended: float = field(init=False)

    def start(self) -> list[threading.Thread]:
        """Let people in, and whoever kills and watches."""
        self.before = asdict(self.meter.read())
        self.began = time.time()
        self.elder = self.served.workers()[0]
        people = crowd(
            self.plan.people, self.served.url, self.plan.habits(), self.tally, name=self.store.lower()
        )
        lives = [*people, self._kill, self._watch]
        threads = [threading.Thread(target=self._run, args=(life,), daemon=True) for life in lives]
        for thread in threads:
            thread.start()
        return threads

    def _run(self, life: Callable[[threading.Event], None]) -> None:
        """Live until it is enough; who ends before that has seen too little for a verdict."""
        try:
            life(self.enough)
        except Exception as error:
            self.tally.fault("odd", f"{life.__name__} ended: {error!r}")

    def _kill(self, enough: threading.Event) -> None:
        """Kill the younger worker, again and again, with a signal that nobody can catch."""
        while not enough.wait(self.plan.kill_every_s):
            workers = self.served.workers()
            self.workers |= set(workers)
            if len(workers) > 1:
                self.tally.killed()
                os.kill(workers[-1], signal.SIGKILL)

    def _watch(self, enough: threading.Event) -> None:
        while not enough.wait(self.plan.sample_every_s):
            self._look()

    def _look(self) -> None:
        held = self.meter.read()
        self.workers |= set(self.served.workers())
        elder, master = self.served.resident(self.elder), self.served.resident(self.served.master)
        if elder is None or master is None:
            self.tally.fault("odd", "the elder worker ended by itself")
            return
        self.samples.append(
            Sample(
                at_s=round(time.time() - self.began, 1),
                elder=elder,
                master=master,
                short=held.short,
                long=held.long,
                octets=held.octets,
            )
        )

    def found(self, after: dict[str, Any] | None) -> dict[str, Any]:
        """Return what was seen, and what of it should not have been."""
        tally = self.tally
        log = self.served.log.read_text(encoding="utf-8", errors="replace")
        found: dict[str, Any] = {
            "store": self.store,
            "seconds": round(self.ended - self.began),
            "counts": dict(sorted(tally.counts.items())),
            "kills": len(tally.kills),
            "cuts": len(tally.cuts),
            "cuts_apart": cuts_apart(tally.cuts, tally.kills),
            "workers": len(self.workers),
            "workers_wanted": WORKERS + len(tally.kills),
            "errors_logged": log.count("Traceback") + log.count("WORKER TIMEOUT"),
            "wrong": tally.wrong,
            "growth": grown(self.samples),
            "before": self.before,
            "after": after,
            "samples": [asdict(sample) for sample in _thinned(self.samples)],
        }
        return found | {"failures": failures(found)}

    def end(self, threads: Sequence[threading.Thread]) -> None:
        """Wait until the last one has gone; everybody has been told that it is enough."""
        for thread in threads:
            thread.join()
        self.ended = time.time()


def _thinned(samples: Sequence[Sample]) -> Iterator[Sample]:
    due_s = 0.0
    for sample in samples:
        if sample.at_s >= due_s:
            due_s = sample.at_s + _KEEP_EVERY_S
            yield sample


@contextmanager
def served(store: str, folder: Path, plan: Plan) -> Iterator[Soak]:
    """Lend a server over such a store, with nobody there yet."""
    folder.mkdir()
    with ExitStack() as running:
        meter: Meter
        if store == "Redis":
            server = running.enter_context(redis_server(folder / "r", port=free_port()))
            url, meter = server.url(), RedisMeter(server)
        else:
            url, meter = f"sqlite:///{folder / 'store'}", SQLiteMeter(folder / "store")
        app = running.enter_context(gunicorn(folder, ZEROTRUST_STORE=url, **plan.config()))
        yield Soak(store, app, meter, plan)


def run(plan: Plan, stores: Sequence[str] = STORES) -> list[dict[str, Any]]:
    """Return what was seen at each store; all are served at the same time."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        soaks = [running.enter_context(served(store, Path(name) / store, plan)) for store in stores]
        threads = [soak.start() for soak in soaks]
        time.sleep(plan.seconds)
        while any(soak.tally.counts["visits"] < plan.visits for soak in soaks):
            time.sleep(_PAUSE_S)
        for soak in soaks:
            soak.enough.set()
        for soak, some in zip(soaks, threads, strict=True):
            soak.end(some)
        time.sleep(plan.settle_s)
        return [soak.found(_after(soak)) for soak in soaks]


def _after(soak: Soak) -> dict[str, Any] | None:
    """Return what the store holds when all short lives are over and the next visitors have written."""
    if not soak.plan.settle_s:
        return None
    soak.meter.purge()
    return asdict(soak.meter.read())


def measure(minutes: float) -> dict[str, Any]:
    """Return what was seen in so many minutes, and on what it was measured."""
    plan = Plan(seconds=60 * minutes)
    found = run(plan)
    setting = {"workers": WORKERS, "threads": THREADS, **asdict(plan)}
    return {"machine": machine(), "setting": setting, "stores": found}
